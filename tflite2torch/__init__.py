"""tflite2torch: MediaPipe's TFLite models as PyTorch source and weights.

>>> import tflite2torch
>>> tflite2torch.convert("face_landmarker.task", "out")      # doctest: +SKIP
>>> models = tflite2torch.load("face_landmarker.task")       # doctest: +SKIP
"""

from converter.errors import (
    InvalidModelError,
    MissingDependencyError,
    OutputError,
    ReferenceFailedError,
    SourceError,
    Tflite2TorchError,
    UnsupportedOpError,
)
from converter.version import __version__
from tflite2torch.api import compare, convert, load

__all__ = [
    "InvalidModelError",
    "MissingDependencyError",
    "OutputError",
    "ReferenceFailedError",
    "SourceError",
    "Tflite2TorchError",
    "UnsupportedOpError",
    "__version__",
    "compare",
    "convert",
    "load",
]
