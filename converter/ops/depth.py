"""DEPTH_TO_SPACE and SPACE_TO_DEPTH."""

from __future__ import annotations

from dataclasses import dataclass

from converter.errors import InvalidModelError
from converter.graph import Code, Node, Shape
from converter.ops.registry import NotSupportedError, OperatorCall, operator


@dataclass(eq=False, repr=False)
class DepthToSpace(Node):
    """Channels spread over blocks of pixels.

    TFLite has the pixel of the block as the slow part of the channel axis (torch's
    ``pixel_shuffle`` as the fast one).
    """

    block: int

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        batch, height, width, channels = self.inputs[0].shape
        block = self.block
        return [(batch, height * block, width * block, channels // block**2)]

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
        batch, height, width, channels = self.inputs[0].shape
        block = self.block
        return [(batch, height // block, width // block, channels * block**2)]

    def code(self) -> Code:
        return Code(
            "space_to_depth(x0, block)", {"block": self.block}, helper="space_to_depth"
        )


@operator("DEPTH_TO_SPACE")
def depth_to_space(call: OperatorCall) -> list[Node]:
    """An option holds the size of the block."""
    x, block = call.input(0), _block(call)
    if x.shape[3] % block**2:
        raise InvalidModelError(
            f"{call.place}: {x.shape[3]} channels do not fill blocks of {block}x{block}; "
            "the file is damaged, fetch it again"
        )
    return [DepthToSpace([x], [call.output], block)]


@operator("SPACE_TO_DEPTH")
def space_to_depth(call: OperatorCall) -> list[Node]:
    """An option holds the size of the block."""
    x, block = call.input(0), _block(call)
    if x.shape[1] % block or x.shape[2] % block:
        raise InvalidModelError(
            f"{call.place}: {list(x.shape)} does not divide into blocks of "
            f"{block}x{block}; the file is damaged, fetch it again"
        )
    return [SpaceToDepth([x], [call.output], block)]


def _block(call: OperatorCall) -> int:
    x, block = call.input(0), int(call.options.BlockSize())
    if x.rank != 4 or block < 1:
        raise InvalidModelError(
            f"{call.place}: blocks of {block} in {list(x.shape)}; "
            "the file is damaged, fetch it again"
        )
    if x.dtype != "float32":
        raise NotSupportedError(f"its input is {x.dtype}, not float32")
    return block
