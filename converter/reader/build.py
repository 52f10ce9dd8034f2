"""TfliteModel → Graph, exactly as TFLite means it: NHWC, a batch of one."""

from __future__ import annotations

from converter.errors import UnsupportedOpError
from converter.graph import Graph, Node, Value
from converter.ops import OPERATORS
from converter.ops.registry import NotSupportedError, OperatorCall
from converter.reader.model import Operator, Tensor, TfliteModel


def build_graph(model: TfliteModel, name: str) -> Graph:
    """Return the graph of a model that has been read and verified.

    Raises UnsupportedOpError, which lists every operator that cannot be converted.
    """
    values = [_value(tensor) for tensor in model.tensors]
    nodes, problems = _build(model, values)
    if problems:
        raise UnsupportedOpError(problems)
    return Graph(
        name,
        model.label,
        [values[index] for index in model.inputs],
        [values[index] for index in model.outputs],
        nodes,
    )


def unsupported(model: TfliteModel) -> list[str]:
    """Return a line for every operator that cannot be converted."""
    return _build(model, [_value(tensor) for tensor in model.tensors])[1]


def _build(model: TfliteModel, values: list[Value]) -> tuple[list[Node], list[str]]:
    nodes: list[Node] = []
    problems: list[str] = []
    for operator in model.operators:
        try:
            nodes += _build_operator(model.label, operator, values)
        except NotSupportedError as problem:
            tensor = model.tensors[operator.outputs[0]].name if operator.outputs else ""
            problems.append(
                f"{model.label}: {operator.place}, tensor {tensor[:80]!a}: {problem}"
            )
    return nodes, problems


def _build_operator(label: str, operator: Operator, values: list[Value]) -> list[Node]:
    builder = OPERATORS.get(operator.name)
    if builder is None or operator.custom:
        raise NotSupportedError("no such operator is known")
    inputs = [values[index] if index >= 0 else None for index in operator.inputs]
    outputs = [values[index] for index in operator.outputs]
    nodes = builder(OperatorCall(label, operator, inputs, outputs))
    for node in nodes:
        node.operator = operator.index
    return nodes


def _value(tensor: Tensor) -> Value:
    return Value(
        tensor.name, tensor.shape, tensor.dtype, tensor.index, data=tensor.data
    )
