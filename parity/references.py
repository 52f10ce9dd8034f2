"""Which reference runs a model: TFLite's interpreter, or MediaPipe's runtime."""

from __future__ import annotations

from contextlib import ExitStack

from converter.reader.model import read_model
from converter.reader.sources import ModelFile
from parity.mediapipe_reference import MediaPipeReference
from parity.reference import KERNELS, Kernels, Reference


def start_references(
    stack: ExitStack, model: bytes, label: str
) -> dict[Kernels, Reference]:
    """Start a reference for each kernel set; the stack ends them.

    Custom operators are MediaPipe's, whose runtime has no reference kernels: TFLite's
    optimized ones are in their place.

    Raises:
        InvalidModelError: the model is broken.
        ReferenceFailedError: a reference is missing, or refuses the model.
    """
    operators = read_model(ModelFile("model", label, model)).operators
    if not any(operator.custom for operator in operators):
        return {
            kernels: stack.enter_context(Reference(model, kernels, label=label))
            for kernels in KERNELS
        }
    builtin = MediaPipeReference(model, "builtin", label=label)
    stack.enter_context(builtin)
    xnnpack = MediaPipeReference(model, "xnnpack", label=label)
    return {"reference": builtin, "xnnpack": stack.enter_context(xnnpack)}
