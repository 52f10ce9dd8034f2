"""Convolutions."""

from __future__ import annotations

from dataclasses import dataclass

from converter.errors import InvalidModelError
from converter.graph import Code, Literal, Node, Shape, Value
from converter.ops.registry import OperatorCall, operator
from converter.ops.window import NO_PADDING, Window, window_size


@dataclass(eq=False, repr=False)
class Conv2d(Node):
    """2-D convolution; its weight is (O, H, W, I / groups) until the layout pass."""

    window: Window
    groups: int

    @property
    def pointwise(self) -> bool:
        """Whether it is a matrix product at each pixel."""
        window = self.window
        return (
            window.kernel == window.stride == (1, 1)
            and window.padding == NO_PADDING
            and self.groups == 1
        )

    @property
    def variant(self) -> str:
        if self.groups > 1:
            depth = self.parameters["weight"].shape[1]
            return "depthwise" if depth == 1 else "grouped"
        if self.pointwise:
            return "pointwise"
        window = self.window
        tiles = window.kernel == window.stride and window.padding == NO_PADDING
        return "patch" if tiles and window.stride != (1, 1) else "conv"

    @property
    def layout(self) -> str:
        return "any" if self.pointwise else "nchw"

    def infer(self) -> list[Shape]:
        batch, *size, _ = self.inputs[0].shape
        channels = self.parameters["weight"].shape[0]
        return [(batch, *self.window.output(size), channels)]

    def reorder(self, order: tuple[int, ...]) -> None:
        """The weight's axes (O, H, W, I) follow those of the image (N, H, W, C)."""
        weight = self.parameters["weight"]
        self.parameters["weight"] = weight.permuted(order)

    def layer(self) -> Code | None:
        weight, window = self.parameters["weight"], self.window
        arguments: dict[str, Literal] = {
            "in_channels": weight.shape[1] * self.groups,
            "out_channels": weight.shape[0],
            "kernel_size": square(window.kernel),
            "stride": square(window.stride),
            "padding": square(window.symmetric_padding),
            "dilation": square(window.dilation),
            "groups": self.groups,
            "bias": "bias" in self.parameters,
        }
        return Code(
            "nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, "
            "padding=padding, dilation=dilation, groups=groups, bias=bias)",
            arguments,
            {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True},
        )


def square(sizes: tuple[int, int]) -> Literal:
    """Return one number for two equal ones, as torch's layers take it."""
    return sizes[0] if sizes[0] == sizes[1] else sizes


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
    window = Window.read(call, weight.shape[1:3], x)
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
    window = Window.read(call, stored.shape[1:3], x)
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
