"""TFLite's reference kernels for a model that has custom operators too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.model import Operator, TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.parity.reference.editing import part_of
from tflite2torch.parity.reference.interpreter import Reference
from tflite2torch.parity.reference.mediapipe import MediaPipeReference, info
from tflite2torch.parity.reference.process import Limits
from tflite2torch.parity.reference.wire import Array


class PhasedReference(Reference):
    """A model cut into phases of builtin and of custom operators, which run in turn.

    The interpreter's reference kernels run the builtin operators, MediaPipe's kernels the
    custom ones, which the interpreter lacks.

    Args:
        data: bytes of a ``.tflite`` file.
        interpreter: runs the builtin operators.
        label: how messages name the model.
        limits: what the process of each phase may take.

    Raises:
        InvalidModelError: the file is broken.
        ReferenceFailedError: as the references of the phases.
    """

    def __init__(
        self,
        data: bytes,
        interpreter: type[Reference] = Reference,
        *,
        label: str = "model",
        limits: Limits | None = None,
    ) -> None:
        model = read_model(ModelFile("model", label, data))
        self.inputs = tuple(info(model, index) for index in model.inputs)
        self.outputs = tuple(info(model, index) for index in model.outputs)
        self.delegated = False
        self.version = ""
        with ExitStack() as stack:
            self._references = [
                stack.enter_context(_start(data, model, phase, interpreter, label, limits))
                for phase in phases(model)
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
    """Yield the builtin operators that can run first, then the custom ones, and so on.

    A phase is every operator of its kind whose inputs earlier phases, the phase itself, the
    model's inputs or constants give.
    """
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
    data: bytes,
    model: TfliteModel,
    phase: list[Operator],
    interpreter: type[Reference],
    label: str,
    limits: Limits | None,
) -> Reference:
    """Start a reference for one phase; its outputs are what later phases or the caller read."""
    inside = {operator.index for operator in phase}
    made = {index for operator in phase for index in operator.outputs}
    used = {index for operator in phase for index in operator.inputs}
    later = {i for o in model.operators if o.index not in inside for i in o.inputs}
    computed = {i for o in model.operators for i in o.outputs} | set(model.inputs)
    inputs = sorted(used & computed - made)
    outputs = sorted(made & (later | set(model.outputs)))
    part = part_of(data, sorted(inside), inputs, outputs)
    if not phase[0].custom:
        return interpreter(part, "reference", label=label, limits=limits)
    cut = replace(model, inputs=tuple(inputs), outputs=tuple(outputs))
    return MediaPipeReference(part, "builtin", cut, label=label, limits=limits)
