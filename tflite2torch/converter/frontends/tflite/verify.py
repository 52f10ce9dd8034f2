"""Verifies that a subgraph is in static single assignment form and obeys the contracts."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.frontends.tflite.operators.registry import OPERATORS
from tflite2torch.converter.frontends.tflite.work_budget import WorkBudget

MAX_INTERFACE = 2**10
"""Maximum number of inputs, and of outputs, of a subgraph; official models have up to 7."""


def verify_graph(model: TfliteModel, budget: WorkBudget) -> None:
    """Check that each tensor is written once, before it is read, and check all contracts.

    Raises FormatError for the first violation.
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
            for index in operator.inputs:
                if index != -1:
                    _read(model, index, written)
            for index in operator.outputs:
                _write(model, index, written, "outputs")
            # Custom operators have no contract; their builders check the operands.
            if not operator.custom and operator.name in OPERATORS:
                contract = OPERATORS[operator.name].contract
                contract.check(operator, model.tensors, budget)
        except FormatError as error:
            error.path.append(operator.place)
            raise
    for index in model.outputs:
        _read(model, index, written)


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
