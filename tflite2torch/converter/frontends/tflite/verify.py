"""Verifies the graph of a file: tensors exist, are written once, and before they are read."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.effort import Effort
from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.model import Operator, TfliteModel
from tflite2torch.converter.frontends.tflite.operators.registry import OPERATORS

MAX_INTERFACE = 2**10
"""The most inputs, and the most outputs, of a graph; official models have up to 7."""


def verify_graph(model: TfliteModel, effort: Effort) -> None:
    """Check that every value exists, and is written once, before it is read.

    Raises FormatError at the first thing that is not so.
    """
    if not model.outputs:
        raise FormatError("it has no outputs")
    if max(len(model.inputs), len(model.outputs)) > MAX_INTERFACE:
        raise FormatError(f"it has more than {MAX_INTERFACE} inputs or outputs")
    written = {tensor.index for tensor in model.tensors if tensor.data is not None}
    for index in model.inputs:
        _write(model, index, written, "inputs")
    for operator in model.operators:
        try:
            _run(model, operator, written)
            if not operator.custom and operator.name in OPERATORS:
                contract = OPERATORS[operator.name].contract
                contract.check(operator, model.tensors, effort)
        except FormatError as error:
            error.path.append(operator.place)
            raise
    for index in model.outputs:
        _read(model, index, written)


def _run(model: TfliteModel, operator: Operator, written: set[int]) -> None:
    for index in operator.inputs:
        if index != -1:
            _read(model, index, written)
    for index in operator.outputs:
        _write(model, index, written, "outputs")


def _read(model: TfliteModel, index: int, written: set[int]) -> None:
    _exists(model, index)
    if index not in written:
        place = model.tensors[index].place
        raise FormatError(f"{place} is read before anything is written to it")


def _write(model: TfliteModel, index: int, written: set[int], role: str) -> None:
    _exists(model, index)
    if index in written:
        raise FormatError(f"{model.tensors[index].place} is written twice", role)
    written.add(index)


def _exists(model: TfliteModel, index: int) -> None:
    if not 0 <= index < len(model.tensors):
        raise FormatError(f"tensor {index} of {len(model.tensors)} does not exist")
