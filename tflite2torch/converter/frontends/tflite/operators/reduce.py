"""MEAN, SUM and other reductions over axes."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    axis_from_front,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.value import Value

FUNCTIONS = {"MEAN": "mean", "SUM": "sum", "REDUCE_MAX": "amax", "REDUCE_MIN": "amin"}


def reduced_shape(operands: Operands) -> Shapes:
    """Return the shape with the reduced axes of size one, or removed."""
    shape, named = operands.shape(0), operands.integers(1)
    if named is None:
        return [None]
    axes = {axis_from_front(axis, len(shape)) for axis in named}
    if operands.options.KeepDims():
        return [tuple(1 if i in axes else size for i, size in enumerate(shape))]
    return [tuple(size for i, size in enumerate(shape) if i not in axes)]


@operator(*FUNCTIONS, shapes=reduced_shape, inputs=2, options="ReducerOptions")
def reduce(call: OperatorCall) -> list[Node]:
    """Reduces constant axes; they may be kept with size one."""
    x = call.floating(0)
    function, keep = FUNCTIONS[call.operator.name], bool(call.options.KeepDims())
    return [Reduce([x], [call.output], function, call.axes(1, x.rank), keep)]


@operator("REDUCE_PROD", shapes=reduced_shape, inputs=2, options="ReducerOptions")
def reduce_prod(call: OperatorCall) -> list[Node]:
    """Product over constant axes; they may be kept with size one."""
    x = call.floating(0)
    nodes: list[Node] = []
    # torch.prod takes one axis. From the last to the first, so that removed axes do not shift
    # those that are still to be reduced.
    for axis in reversed(call.axes(1, x.rank)):
        node = Reduce([x], [], "prod", (axis,), bool(call.options.KeepDims()))
        x = Value(x.name, node.infer()[0], x.dtype)
        node.outputs = [x]
        nodes.append(node)
    if not nodes:
        return [Reshape([x], [call.output], x.shape)]
    nodes[-1].outputs = [call.output]
    return nodes
