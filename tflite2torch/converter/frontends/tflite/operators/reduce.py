"""Operators that reduce axes to one number."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.value import Value

FUNCTIONS = {"MEAN": "mean", "SUM": "sum", "REDUCE_MAX": "amax", "REDUCE_MIN": "amin"}


@operator(*FUNCTIONS)
def reduce(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axes; an option, whether they stay as 1."""
    x = call.floating(0)
    axes = call.axes(call.integers(1), x.rank)
    function = FUNCTIONS[call.operator.name]
    return [Reduce([x], [call.output], function, axes, bool(call.options.KeepDims()))]


@operator("REDUCE_PROD")
def reduce_prod(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axes, which torch multiplies one by one."""
    x = call.floating(0)
    axes = call.axes(call.integers(1), x.rank)
    nodes: list[Node] = []
    for axis in reversed(axes):
        node = Reduce([x], [], "prod", (axis,), bool(call.options.KeepDims()))
        x = Value(x.name, node.infer()[0], x.dtype)
        node.outputs = [x]
        nodes.append(node)
    if not nodes:
        return [Reshape([x], [call.output], x.shape)]
    nodes[-1].outputs = [call.output]
    return nodes
