"""CONV_2D and DEPTHWISE_CONV_2D."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import Operands, Shapes
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.frontends.tflite.operators.window import (
    read_window,
    window_shape,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.value import Value


def conv_2d_shape(operands: Operands) -> Shapes:
    """Return the output shape for a weight (O, H, W, I / groups)."""
    batch, *size, channels = operands.shape(0, 4)
    filters, *kernel, depth = operands.shape(1, 4)
    groups = channels // depth if depth else 0
    if not groups or channels % depth or filters % groups:
        raise FormatError(f"{filters} filters of {depth} channels do not fit {channels} channels")
    operands.check_weights(filters)
    return [(batch, *window_shape(operands.options, size, kernel), filters)]


def depthwise_conv_2d_shape(operands: Operands) -> Shapes:
    """Return the output shape for a weight (1, H, W, C * multiplier)."""
    batch, *size, channels = operands.shape(0, 4)
    one, *kernel, filters = operands.shape(1, 4)
    if one != 1 or not channels or not filters or filters % channels:
        raise FormatError(f"its filters {list(operands.shape(1))} do not fit {channels} channels")
    if len(operands.inputs) > 2 and operands.inputs[2] is not None:
        operands.shape(2, 1)  # unlike CONV_2D, it takes biases as vectors only
    operands.check_weights(filters)
    return [(batch, *window_shape(operands.options, size, kernel), filters)]


@operator("CONV_2D", shapes=conv_2d_shape, inputs=(2, 3), options="Conv2DOptions")
def conv_2d(call: OperatorCall) -> list[Node]:
    """Convolution; the weight is (O, H, W, I / groups). May have a bias and a fused activation."""
    # No option states the number of groups: it follows from the shapes.
    weight, x = call.weight(1), call.floating(0)
    return _convolution(call, x, weight, groups=x.shape[3] // weight.shape[3])


@operator(
    "DEPTHWISE_CONV_2D",
    shapes=depthwise_conv_2d_shape,
    inputs=(2, 3),
    options="DepthwiseConv2DOptions",
)
def depthwise_conv_2d(call: OperatorCall) -> list[Node]:
    """Depthwise convolution; the weight is (1, H, W, C * multiplier)."""
    # Filter c * multiplier + m reads channel c in torch as well: transposing is enough.
    weight, x = call.weight(1).permuted((3, 1, 2, 0)), call.floating(0)
    return _convolution(call, x, weight, groups=x.shape[3])


def _convolution(call: OperatorCall, x: Value, weight: Value, groups: int) -> list[Node]:
    """Return a convolution with weight (O, H, W, I / groups), and its activation."""
    parameters = {"weight": weight}
    if call.optional(2) is not None:
        parameters["bias"] = call.bias(2)
    window = read_window(call.options, x.shape[1:3], weight.shape[1:3])
    node = Conv2d([x], [call.output], window, groups, parameters=parameters)
    return call.activated([node], call.options.FusedActivationFunction())
