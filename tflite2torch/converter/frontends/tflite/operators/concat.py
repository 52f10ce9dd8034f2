"""CONCATENATION."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    MANY,
    Operands,
    Shapes,
    axis_from_front,
    resized,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.concat import Concat


def concatenation_shape(operands: Operands) -> Shapes:
    """Return the shape of inputs concatenated along an axis, in which alone they may differ."""
    shapes = [operands.shape(i) for i in range(len(operands.inputs))]
    axis = axis_from_front(operands.options.Axis(), len(shapes[0]))
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(others) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise FormatError(f"{[list(shape) for shape in shapes]} cannot be joined")
    return [resized(shapes[0], axis, sum(shape[axis] for shape in shapes))]


@operator(
    "CONCATENATION",
    shapes=concatenation_shape,
    inputs=(1, MANY),
    options="ConcatenationOptions",
)
def concatenation(call: OperatorCall) -> list[Node]:
    """Concatenates any number of inputs along an axis; may have a fused activation."""
    inputs = [call.input(i) for i in range(len(call.inputs))]
    node = Concat(inputs, [call.output], call.options.Axis() % inputs[0].rank)
    return call.activated([node], call.options.FusedActivationFunction())
