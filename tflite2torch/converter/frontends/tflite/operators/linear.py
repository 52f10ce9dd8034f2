"""FULLY_CONNECTED."""

from __future__ import annotations

import math

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import Operands, Shapes
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.shape import Reshape


def fully_connected_shape(operands: Operands) -> Shapes:
    """Return the output shape for a weight (O, I) and rows of I elements."""
    shape, (outputs, width) = operands.shape(0), operands.shape(1, 2)
    elements = math.prod(shape)
    if not width or elements % width:
        raise FormatError(f"{elements} elements do not make rows of {width}")
    operands.check_weights(outputs)
    if not operands.options.KeepNumDims():
        return [(elements // width, outputs)]
    if shape[-1:] != (width,):
        raise FormatError(f"rows of {width} elements do not fit {list(shape)}")
    return [(*shape[:-1], outputs)]


@operator(
    "FULLY_CONNECTED",
    shapes=fully_connected_shape,
    inputs=(2, 3),
    options="FullyConnectedOptions",
)
def fully_connected(call: OperatorCall) -> list[Node]:
    """Matrix product with a weight (O, I); may have a bias and a fused activation."""
    x, weight, options = call.floating(0), call.weight(1), call.options
    if options.WeightsFormat() != 0:
        raise NotSupportedError("its weights are shuffled")
    parameters = {"weight": weight}
    if call.optional(2) is not None:
        parameters["bias"] = call.bias(2)
    nodes: list[Node] = []
    # Without this option the input is taken as rows of I elements, whatever its shape.
    if not options.KeepNumDims() and x.rank != 2:
        width = weight.shape[1]
        rows = Reshape.of(x, (math.prod(x.shape) // width, width))
        nodes, x = [rows], rows.outputs[0]
    nodes.append(Linear([x], [call.output], parameters=parameters))
    return call.activated(nodes, options.FusedActivationFunction())
