"""TFLite's reference kernels for a model that has custom operators too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from tflite2torch.converter.frontends.sources import ModelFile
from tflite2torch.converter.frontends.tflite.model import (
    Operator,
    TfliteModel,
    read_model,
)
from tflite2torch.parity.reference.editing import part_of
from tflite2torch.parity.reference.interpreter import Reference, TensorInfo
from tflite2torch.parity.reference.mediapipe import MediaPipeReference
from tflite2torch.parity.reference.wire import Array


class PhasedReference(Reference):
    """A model whose builtin operators are run by TFLite's reference kernels.

    Its custom ones, which these lack, are run by MediaPipe's. The two take turns: each runs
    what it can of the part that is left.

    Raises:
        InvalidModelError: the model is broken.
        ReferenceFailedError: as the references that it is made of.
    """

    def __init__(
        self,
        model: bytes,
        interpreter: type[Reference] = Reference,
        *,
        label: str = "model",
    ) -> None:
        read = read_model(ModelFile("model", label, model))
        self.inputs = tuple(_info(read, index) for index in read.inputs)
        self.outputs = tuple(_info(read, index) for index in read.outputs)
        self.delegated = False
        self.version = ""
        with ExitStack() as stack:
            self._references = [
                stack.enter_context(_start(model, read, phase, interpreter, label))
                for phase in phases(read)
            ]
            self._resources = stack.pop_all()

    def stream(self, inputs: Sequence[Array]) -> Iterator[tuple[int, Array]]:
        given = zip(self.inputs, inputs, strict=True)
        known = {tensor.index: array for tensor, array in given}
        for reference in self._references:
            known.update(reference.run([known[t.index] for t in reference.inputs]))
        return iter({t.index: known[t.index] for t in self.outputs}.items())

    def close(self) -> None:
        self._resources.close()


def phases(model: TfliteModel) -> Iterator[list[Operator]]:
    """Yield the builtin operators that can run first, the custom ones that then can, …"""
    known = {tensor.index for tensor in model.tensors if tensor.data is not None}
    known.update([-1, *model.inputs])
    left, custom = list(model.operators), False
    while left:
        phase = []
        for operator in left:
            if operator.custom == custom and known.issuperset(operator.inputs):
                phase.append(operator)
                known.update(operator.outputs)
        if phase:
            yield phase
        left = [operator for operator in left if operator not in phase]
        custom = not custom


def _start(
    model: bytes,
    read: TfliteModel,
    phase: list[Operator],
    interpreter: type[Reference],
    label: str,
) -> Reference:
    """Start what runs one phase; it gives what later ones, or the caller, need."""
    inside = {operator.index for operator in phase}
    made = {index for operator in phase for index in operator.outputs}
    used = {index for operator in phase for index in operator.inputs}
    later = {i for o in read.operators if o.index not in inside for i in o.inputs}
    computed = {i for o in read.operators for i in o.outputs} | set(read.inputs)
    part = part_of(
        model,
        operators=sorted(inside),
        inputs=sorted(used & computed - made),
        outputs=sorted(made & (later | set(read.outputs))),
    )
    if phase[0].custom:
        return MediaPipeReference(part, "builtin", label=label)
    return interpreter(part, "reference", label=label)


def _info(model: TfliteModel, index: int) -> TensorInfo:
    tensor = model.tensors[index]
    return TensorInfo(index, tensor.shape, tensor.dtype)
