"""Depth to space and space to depth."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Node
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes


@dataclass(eq=False, repr=False)
class DepthToSpace(Node):
    """Moves channels into blocks of pixels: (N, C, H, W) to (N, C / b², H * b, W * b).

    The input's channel index is (pixel of the block, channel); that of torch's
    ``pixel_shuffle`` is (channel, pixel of the block).
    """

    block: int

    layout = "nchw"

    def infer(self) -> list[Shape]:
        x, block = self.inputs[0], self.block
        _, (height, width), channels = image_sizes(x)
        size = (height * block, width * block)
        return [image_shape(x, size, channels // block**2)]

    def code(self) -> Code:
        return Code("depth_to_space(x0, block)", {"block": self.block}, helper="depth_to_space")


@dataclass(eq=False, repr=False)
class SpaceToDepth(Node):
    """Inverse of ``DepthToSpace``, with the same order of channels."""

    block: int

    layout = "nchw"

    def infer(self) -> list[Shape]:
        x, block = self.inputs[0], self.block
        _, (height, width), channels = image_sizes(x)
        size = (height // block, width // block)
        return [image_shape(x, size, channels * block**2)]

    def code(self) -> Code:
        return Code("space_to_depth(x0, block)", {"block": self.block}, helper="space_to_depth")
