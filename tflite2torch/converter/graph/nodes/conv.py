"""Convolution."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.window import NO_PADDING, Window
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes


@dataclass(eq=False, repr=False)
class Conv2d(Node):
    """2-D convolution; the weight is (O, I / groups, H, W).

    With NHWC images the weight is (O, H, W, I / groups); ``reorder`` permutes both.
    """

    window: Window
    groups: int

    @property
    def pointwise(self) -> bool:
        """Whether the convolution is a linear layer applied to each pixel."""
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
        x, filters = self.inputs[0], self.parameters["weight"].shape[0]
        _, size, _ = image_sizes(x)
        return [image_shape(x, self.window.output(size), filters)]

    def reorder(self, order: tuple[int, ...]) -> None:
        # The weight's axes (O, H, W, I) correspond to those of an image (N, H, W, C).
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
    """Return a single number for a pair of equal ones, as torch's layers accept it."""
    return sizes[0] if sizes[0] == sizes[1] else sizes
