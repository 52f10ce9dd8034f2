"""DEPTH_TO_SPACE and SPACE_TO_DEPTH."""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.depth import DepthToSpace, SpaceToDepth


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
