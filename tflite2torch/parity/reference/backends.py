"""The runtimes that can run the TFLite side, and which of them runs a model.

A backend starts a ``Reference`` for each kernel set that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.parity.reference.editing import SUMS, resummed
from tflite2torch.parity.reference.interpreter import (
    KERNELS,
    Kernels,
    Reference,
    TensorFlowReference,
)
from tflite2torch.parity.reference.mediapipe import MediaPipeReference
from tflite2torch.parity.reference.phases import PhasedReference
from tflite2torch.parity.reference.process import Limits

References = Mapping[Kernels, Reference]


@dataclass(frozen=True)
class Backend:
    """A runtime that models are compared with.

    Attributes:
        unavailable: returns why it cannot be used and what mends that; empty if it can.
        start: starts a reference for each kernel set; the stack ends them. Its arguments
            are those of ``start_references`` but ``backend``. It raises ReferenceFailedError
            where the runtime is missing, or refuses the model.
    """

    unavailable: Callable[[], str]
    start: Callable[[ExitStack, TfliteModel, bytes, Limits], References]


def _interpreter(kind: type[Reference]) -> Backend:
    """Return the backend of an interpreter, with all three kernel sets of TFLite."""

    def start(stack: ExitStack, model: TfliteModel, data: bytes, limits: Limits) -> References:
        label = model.label
        found: dict[Kernels, Reference] = {
            k: stack.enter_context(kind(data, k, label=label, limits=limits)) for k in KERNELS
        }
        if any(operator.name in SUMS for operator in model.operators):
            other = kind(resummed(data), "reference", label=label, limits=limits)
            found["resummed"] = stack.enter_context(other)
        return found

    return Backend(kind.unavailable, start)


def _start_mediapipe(
    stack: ExitStack, model: TfliteModel, data: bytes, limits: Limits
) -> References:
    # MediaPipe's runtime lacks reference kernels: its optimized ones stand for them. What
    # an interpreter's reference kernels give for all but MediaPipe's own operators, summed
    # in another order, is the third opinion that a noise floor needs.
    label = model.label
    runtime = MediaPipeReference(data, "builtin", model, label=label, limits=limits)
    stack.enter_context(runtime)
    xnnpack = MediaPipeReference(data, "xnnpack", model, label=label, limits=limits)
    stack.enter_context(xnnpack)
    kind = INTERPRETERS[interpreter()]
    phased = PhasedReference(resummed(data), kind, label=label, limits=limits)
    stack.enter_context(phased)
    return {"reference": runtime, "xnnpack": xnnpack, "resummed": phased}


INTERPRETERS = {"litert": Reference, "tensorflow": TensorFlowReference}


def _without_mediapipe() -> str:
    # An interpreter is needed too: as the third kernel set, and for TFLite's schema.
    return MediaPipeReference.unavailable() or INTERPRETERS[interpreter()].unavailable()


BACKENDS = {name: _interpreter(kind) for name, kind in INTERPRETERS.items()}
BACKENDS["mediapipe"] = Backend(_without_mediapipe, _start_mediapipe)
"""All backends by the name that ``--reference`` takes."""


def interpreter() -> str:
    """Return the first interpreter that is installed; LiteRT where none is."""
    kinds = INTERPRETERS.items()
    return next((name for name, kind in kinds if not kind.unavailable()), "litert")


def choose_backend(model: TfliteModel) -> str:
    """Return the backend for a model: MediaPipe's runtime for one with custom operators."""
    custom = any(operator.custom for operator in model.operators)
    return "mediapipe" if custom else interpreter()


def start_references(
    stack: ExitStack, model: TfliteModel, data: bytes, backend: str, limits: Limits | None = None
) -> References:
    """Start a reference for each kernel set; the stack ends them.

    Args:
        stack: ends the processes.
        model: the parsed file.
        data: the file, or an edited copy with the inputs and outputs of ``model``.
        backend: a key of ``BACKENDS``.
        limits: what each process may take.

    Raises:
        ReferenceFailedError: a reference is missing, refuses the model, or sees other
            inputs and outputs than the file declares.
    """
    references = BACKENDS[backend].start(stack, model, data, limits or Limits())
    for reference in references.values():
        for tensor in (*reference.inputs, *reference.outputs):
            stated = model.tensors[tensor.index]
            if (stated.shape, stated.dtype) != (tensor.shape, tensor.dtype):
                raise ReferenceFailedError(
                    f"{model.label}: {reference.runtime} has {tensor}, where the file has "
                    f"{stated.dtype} {list(stated.shape)}; take another --reference"
                )
    return references
