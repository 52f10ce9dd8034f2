"""Convolutions."""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.frontends.tflite.operators.window import (
    read_window,
    window_size,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.window import Window
from tflite2torch.converter.graph.value import Value


@operator("CONV_2D")
def conv_2d(call: OperatorCall) -> list[Node]:
    """Weight (O, H, W, I / groups): TFLite tells groups by the shapes alone."""
    weight = call.weight(1)
    x = _image(call, weight)
    channels, filters, depth = x.shape[3], weight.shape[0], weight.shape[3]
    if depth == 0 or channels % depth or filters % max(channels // depth, 1):
        raise InvalidModelError(
            f"{call.place}: {filters} filters of {depth} channels do not fit "
            f"{channels} channels; the file is damaged, fetch it again"
        )
    window = read_window(call, weight.shape[1:3])
    return [_convolution(call, x, weight, window, channels // depth)]


@operator("DEPTHWISE_CONV_2D")
def depthwise_conv_2d(call: OperatorCall) -> list[Node]:
    """Weight (1, H, W, C * multiplier), the multiplier running fastest, as in torch."""
    stored = call.weight(1)
    x = _image(call, stored)
    channels, filters = x.shape[3], stored.shape[3]
    if stored.shape[0] != 1 or channels == 0 or filters % channels:
        raise InvalidModelError(
            f"{call.place}: a weight of {list(stored.shape)} for {channels} channels; "
            "the file is damaged, fetch it again"
        )
    weight = stored.permuted((3, 1, 2, 0))
    window = read_window(call, stored.shape[1:3])
    return [_convolution(call, x, weight, window, channels)]


def _image(call: OperatorCall, weight: Value) -> Value:
    x = call.image(0)
    if weight.rank != 4:
        raise InvalidModelError(
            f"{call.place}: input {list(x.shape)} and weight {list(weight.shape)} "
            "must have four axes; the file is damaged, fetch it again"
        )
    return x


def _convolution(
    call: OperatorCall, x: Value, weight: Value, window: Window, groups: int
) -> Node:
    parameters = {"weight": weight}
    if call.optional(2) is not None:
        bias = call.weight(2)
        if bias.shape != (weight.shape[0],):
            raise InvalidModelError(
                f"{call.place}: a bias of {list(bias.shape)} for {weight.shape[0]} "
                "filters; the file is damaged, fetch it again"
            )
        parameters["bias"] = bias
    window_size(call, window, x)
    activation = call.activation(call.options.FusedActivationFunction())
    return Conv2d(
        [x], [call.output], window, groups, parameters=parameters, activation=activation
    )
