"""Conversion → how its outputs compare with TFLite's, where what that takes is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.files import manifest_entry
from tflite2torch.parity.reference.backends import BACKENDS, interpreter
from tflite2torch.parity.reference.interpreter import Reference
from tflite2torch.parity.report import ModelReport

NEEDED = {"torch": "torch", "skimage": "scikit-image", "PIL": "pillow"}
"""Modules that a comparison imports, and the packages that bring them."""

RANDOM_INPUTS = 3
BATCHES = (1, 2)
"""Enough to see a wrong conversion within seconds; the tests run more."""


def missing() -> str:
    """Return which packages a comparison lacks and what mends it; nothing if none."""
    absent = [p for module, p in NEEDED.items() if not importlib.util.find_spec(module)]
    if BACKENDS[interpreter()].unavailable():
        absent.append(Reference.package)
    if not absent:
        return ""
    return f"{', '.join(absent)} not installed; {Reference.install}"


def verify(
    conversion: Conversion,
    batches: Sequence[int] = BATCHES,
    random_inputs: int = RANDOM_INPUTS,
) -> ModelReport:
    """Run a converted model beside TFLite on random inputs and, where it fits, a face.

    Raises ReferenceFailedError where TFLite cannot run the model.
    """
    from tflite2torch.loading import load_module
    from tflite2torch.parity.check import check_outputs
    from tflite2torch.parity.inputs.interface import Interface

    return check_outputs(
        conversion.file.data,
        load_module(conversion),
        Interface.from_manifest(manifest_entry(conversion)),
        batches=batches,
        random_inputs=random_inputs,
        label=conversion.file.label,
    )
