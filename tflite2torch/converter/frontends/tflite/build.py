"""Builds a graph with TFLite's semantics, NHWC and a batch of one, from a TfliteModel."""

from __future__ import annotations

from tflite2torch.converter.errors import UnsupportedOpError
from tflite2torch.converter.frontends.tflite.model import Operator, Tensor, TfliteModel
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    find_builder,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Provenance, Value

QUANTIZED = ("int4", "int8", "uint8", "int16")
UNPACKING = ("DENSIFY", "DEQUANTIZE")
"""Operators that turn stored constants into dense float32 ones; they may be chained."""


def build_graph(model: TfliteModel, name: str) -> Graph:
    """Return the graph of a verified model.

    Raises UnsupportedOpError, which lists all operators that cannot be converted.
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


def _build(model: TfliteModel, values: list[Value]) -> tuple[list[Node], list[str]]:
    """Return the nodes of all operators, and a message for each unsupported one."""
    nodes: list[Node] = []
    problems: list[str] = []
    for operator in model.operators:
        try:
            nodes += _build_operator(model, operator, values)
        except NotSupportedError as problem:
            tensor = model.tensors[operator.outputs[0]].name if operator.outputs else ""
            problems.append(f"{model.label}: {operator.place}, tensor {tensor[:80]!a}: {problem}")
    problems += [
        f"{model.label}: {model.tensors[index].place}: an output that is a constant"
        for index in model.outputs
        if values[index].data is not None
    ]
    return nodes, problems


def _build_operator(model: TfliteModel, operator: Operator, values: list[Value]) -> list[Node]:
    build = find_builder(operator)
    _refuse_integers(model, operator)
    inputs = [values[index] if index >= 0 else None for index in operator.inputs]
    outputs = [values[index] for index in operator.outputs]
    if (
        inputs
        and operator.name not in UNPACKING
        and all(value is not None and value.data is not None for value in inputs)
    ):
        raise NotSupportedError("all its operands are constants")
    nodes = build(OperatorCall(model.label, operator, inputs, outputs, model.tensors))
    for node in nodes:
        node.operator = operator.index
    return nodes


def _refuse_integers(model: TfliteModel, operator: Operator) -> None:
    """Raise NotSupportedError for arithmetic on quantized values that are not constant."""
    for index in (*operator.inputs, *operator.outputs):
        tensor = model.tensors[index] if index >= 0 else None
        if tensor is None or tensor.data is not None or tensor.quantization is None:
            continue
        if tensor.dtype in QUANTIZED and operator.name not in UNPACKING:
            raise NotSupportedError(
                f"it computes in {tensor.dtype}: integer models are not converted, only "
                "the floating-point ones that they were made from"
            )


def _value(tensor: Tensor) -> Value:
    order = tuple(range(len(tensor.shape)))
    origin = Provenance("tflite", tensor.index, tensor.name, order, tensor.free)
    return Value(tensor.name, tensor.shape, tensor.dtype, origin, tensor.data)
