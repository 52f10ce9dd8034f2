"""tflite2torch: MediaPipe's TFLite models as PyTorch source and weights.

>>> import tflite2torch
>>> tflite2torch.convert("face_landmarker.task", "out")      # doctest: +SKIP
>>> models = tflite2torch.load("face_landmarker.task")       # doctest: +SKIP

Names are imported when they are first used: ``import tflite2torch`` itself loads neither numpy
nor anything else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tflite2torch.api import compare, convert, load
    from tflite2torch.converter.errors import (
        InvalidModelError,
        MissingDependencyError,
        NotComparableError,
        OutputError,
        ReferenceFailedError,
        ReferenceMissingError,
        SourceError,
        Tflite2TorchError,
        UnsupportedOpError,
    )
    from tflite2torch.converter.version import __version__
    from tflite2torch.pipeline.face_detector import FaceDetector
    from tflite2torch.pipeline.face_landmarker import FaceLandmarker

__all__ = [
    "FaceDetector",
    "FaceLandmarker",
    "InvalidModelError",
    "MissingDependencyError",
    "NotComparableError",
    "OutputError",
    "ReferenceFailedError",
    "ReferenceMissingError",
    "SourceError",
    "Tflite2TorchError",
    "UnsupportedOpError",
    "__version__",
    "compare",
    "convert",
    "load",
]


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        home = "tflite2torch.converter.version"
    elif name.endswith("Error"):
        home = "tflite2torch.converter.errors"
    elif name == "FaceLandmarker":
        home = "tflite2torch.pipeline.face_landmarker"
    elif name == "FaceDetector":
        home = "tflite2torch.pipeline.face_detector"
    else:
        home = "tflite2torch.api"
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
