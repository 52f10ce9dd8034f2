"""Which reference runs a model: TFLite's interpreter, or MediaPipe's runtime."""

from __future__ import annotations

from contextlib import ExitStack

from converter.reader.model import read_model
from converter.reader.sources import ModelFile
from parity.edit import resummed
from parity.mediapipe_reference import MediaPipeReference
from parity.phases import PhasedReference
from parity.reference import KERNELS, Kernels, Reference


def start_references(
    stack: ExitStack, model: bytes, label: str
) -> dict[Kernels, Reference]:
    """Start a reference for each kernel set; the stack ends them.

    Custom operators are MediaPipe's. It is its runtime that a model with such operators is
    compared with: TFLite's optimized kernels stand as ``reference``, XNNPACK as itself. What
    TFLite's reference kernels make of the model, summed in another order, stands as the
    third set.

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
    runtime = MediaPipeReference(model, "builtin", label=label)
    stack.enter_context(runtime)
    xnnpack = MediaPipeReference(model, "xnnpack", label=label)
    stack.enter_context(xnnpack)
    phased = stack.enter_context(PhasedReference(resummed(model), label=label))
    return {"reference": runtime, "builtin": phased, "xnnpack": xnnpack}
