"""Transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.conv import square
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes

Pair = tuple[int, int]


@dataclass(eq=False, repr=False)
class ConvTranspose2d(Node):
    """2-D transposed convolution; the weight is (I, O, H, W).

    ``padding`` is cropped from both sides of the full output; ``output_padding`` is then
    added at the bottom and the right.
    """

    stride: Pair
    padding: Pair
    output_padding: Pair

    layout = "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, size, _ = image_sizes(x)
        _, filters, *kernel = self.parameters["weight"].shape
        full = full_size(size, kernel, self.stride)
        cropped = zip(full, self.padding, self.output_padding, strict=True)
        return [image_shape(x, [n - 2 * p + o for n, p, o in cropped], filters)]

    def layer(self) -> Code | None:
        channels, filters, height, width = self.parameters["weight"].shape
        arguments: dict[str, Literal] = {
            "in_channels": channels,
            "out_channels": filters,
            "kernel_size": square((height, width)),
            "stride": square(self.stride),
            "padding": square(self.padding),
            "output_padding": square(self.output_padding),
            "bias": "bias" in self.parameters,
        }
        return Code(
            "nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride=stride, "
            "padding=padding, output_padding=output_padding, bias=bias)",
            arguments,
            {"stride": 1, "padding": 0, "output_padding": 0, "bias": True},
        )


def full_size(size: Sequence[int], kernel: Sequence[int], stride: Pair) -> list[int]:
    """Return the (height, width) of the output before it is cropped or padded."""
    axes = zip(size, kernel, stride, strict=True)
    return [(n - 1) * s + k for n, k, s in axes]
