"""CONCATENATION."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.concat import Concat


@operator("CONCATENATION")
def concatenation(call: OperatorCall) -> list[Node]:
    """Any number of operands, then an activation."""
    inputs = [call.input(i) for i in range(len(call.inputs))]
    (axis,) = call.axes((call.options.Axis(),), inputs[0].rank)
    activation = call.activation(call.options.FusedActivationFunction())
    return [Concat(inputs, [call.output], axis, activation=activation)]
