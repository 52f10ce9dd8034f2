"""Blocks of pixels as channels, and back."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Node
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes


@dataclass(eq=False, repr=False)
class DepthToSpace(Node):
    """Channels spread over blocks of pixels.

    The channel index is (pixel of the block, channel), where torch's ``pixel_shuffle`` has
    (channel, pixel of the block).
    """

    block: int

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        x, block = self.inputs[0], self.block
        _, (height, width), channels = image_sizes(x)
        size = (height * block, width * block)
        return [image_shape(x, size, channels // block**2)]

    def code(self) -> Code:
        return Code(
            "depth_to_space(x0, block)", {"block": self.block}, helper="depth_to_space"
        )


@dataclass(eq=False, repr=False)
class SpaceToDepth(Node):
    """Blocks of pixels stacked as channels, the pixel of the block slowest."""

    block: int

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        x, block = self.inputs[0], self.block
        _, (height, width), channels = image_sizes(x)
        size = (height // block, width // block)
        return [image_shape(x, size, channels * block**2)]

    def code(self) -> Code:
        return Code(
            "space_to_depth(x0, block)", {"block": self.block}, helper="space_to_depth"
        )
