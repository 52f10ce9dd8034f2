"""TRANSPOSE_CONV, and MediaPipe's Convolution2DTransposeBias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.conv import square
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes

Pair = tuple[int, int]


@dataclass(eq=False, repr=False)
class ConvTranspose2d(Node):
    """2-D transposed convolution; its weight is (I, O, H, W), as torch has it.

    ``padding`` is what both sides of the whole result lose, ``output_padding`` what its
    right and bottom then gain.
    """

    stride: Pair
    padding: Pair
    output_padding: Pair

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, size, _ = image_sizes(x)
        _, filters, *kernel = self.parameters["weight"].shape
        whole = whole_size(size, kernel, self.stride)
        cropped = zip(whole, self.padding, self.output_padding, strict=True)
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


def whole_size(size: Sequence[int], kernel: Sequence[int], stride: Pair) -> list[int]:
    """Return the (height, width) that all pixels reach together."""
    axes = zip(size, kernel, stride, strict=True)
    return [(n - 1) * s + k for n, k, s in axes]
