"""Which runtimes of TFLite's a model can be compared with, and which of them runs it.

A backend starts a ``Reference`` for each kernel set that it has. Nobody else needs to know
what runs behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.converter.frontends.sources import ModelFile
from tflite2torch.converter.frontends.tflite.model import TfliteModel, read_model
from tflite2torch.parity.reference.editing import SUMS, resummed
from tflite2torch.parity.reference.interpreter import (
    KERNELS,
    Kernels,
    Reference,
    TensorFlowReference,
)
from tflite2torch.parity.reference.mediapipe import MediaPipeReference
from tflite2torch.parity.reference.phases import PhasedReference

References = Mapping[Kernels, Reference]


@dataclass(frozen=True)
class Backend:
    """A runtime that models are compared with.

    Attributes:
        unavailable: says why it cannot be had, and what mends it; nothing if it can.
        start: starts a reference for each kernel set of a model; the stack ends them. It
            raises ReferenceFailedError where the runtime is missing, or refuses the model.
    """

    unavailable: Callable[[], str]
    start: Callable[[ExitStack, TfliteModel, bytes, str], References]


def _interpreter(kind: type[Reference]) -> Backend:
    """Return what runs a model with all three kernel sets of TFLite's interpreter."""

    def start(
        stack: ExitStack, read: TfliteModel, model: bytes, label: str
    ) -> References:
        found: dict[Kernels, Reference] = {
            k: stack.enter_context(kind(model, k, label=label)) for k in KERNELS
        }
        if any(operator.name in SUMS for operator in read.operators):
            other = kind(resummed(model), "reference", label=label)
            found["resummed"] = stack.enter_context(other)
        return found

    return Backend(kind.unavailable, start)


def _start_mediapipe(
    stack: ExitStack, read: TfliteModel, model: bytes, label: str
) -> References:
    """Start MediaPipe's runtime, which lacks reference kernels.

    Its optimized kernels stand as ``reference``. What an interpreter's reference kernels
    make of the model, summed in another order, stands beside them.
    """
    runtime = MediaPipeReference(model, "builtin", label=label)
    stack.enter_context(runtime)
    xnnpack = MediaPipeReference(model, "xnnpack", label=label)
    stack.enter_context(xnnpack)
    phased = PhasedReference(resummed(model), INTERPRETERS[interpreter()], label=label)
    stack.enter_context(phased)
    return {"reference": runtime, "xnnpack": xnnpack, "resummed": phased}


INTERPRETERS = {"litert": Reference, "tensorflow": TensorFlowReference}


def _without_mediapipe() -> str:
    """Say what is missing: an interpreter is its third kernel set, and brings the schema."""
    return MediaPipeReference.unavailable() or INTERPRETERS[interpreter()].unavailable()


BACKENDS = {name: _interpreter(kind) for name, kind in INTERPRETERS.items()}
BACKENDS["mediapipe"] = Backend(_without_mediapipe, _start_mediapipe)
"""All backends by the name that ``--reference`` takes."""


def interpreter() -> str:
    """Return the first interpreter that is installed; LiteRT where none is."""
    kinds = INTERPRETERS.items()
    return next((name for name, kind in kinds if not kind.unavailable()), "litert")


def choose_reference(model: bytes, label: str) -> str:
    """Return the backend for a model: MediaPipe's runtime for one with custom operators.

    Raises InvalidModelError where the model is broken.
    """
    operators = read_model(ModelFile("model", label, model)).operators
    custom = any(operator.custom for operator in operators)
    return "mediapipe" if custom else interpreter()


def start_references(
    stack: ExitStack, model: bytes, label: str, backend: str | None = None
) -> References:
    """Start a reference for each kernel set; the stack ends them.

    Args:
        stack: what ends them.
        model: bytes of a ``.tflite`` file.
        label: how messages name it.
        backend: what runs it, a key of ``BACKENDS``; by default what suits it.

    Raises:
        InvalidModelError: the model is broken.
        ReferenceFailedError: a reference is missing, or refuses the model.
    """
    name = backend or choose_reference(model, label)
    read = read_model(ModelFile("model", label, model))
    references = BACKENDS[name].start(stack, read, model, label)
    for reference in references.values():
        for tensor in (*reference.inputs, *reference.outputs):
            stated = read.tensors[tensor.index]
            if (stated.shape, stated.dtype) != (tensor.shape, tensor.dtype):
                raise ReferenceFailedError(
                    f"{label}: {reference.runtime} has {tensor}, where the file has "
                    f"{stated.dtype} {list(stated.shape)}; take another --reference"
                )
    return references
