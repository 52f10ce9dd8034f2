"""DEPTH_TO_SPACE and SPACE_TO_DEPTH."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    check_positive,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.depth import DepthToSpace, SpaceToDepth


def depth_to_space_shape(operands: Operands) -> Shapes:
    """Return the shape of (N, H * block, W * block, C / block²)."""
    block = operands.options.BlockSize()
    check_positive(block)
    batch, height, width, channels = operands.shape(0, 4)
    if channels % block**2:
        raise FormatError(f"{channels} channels do not make blocks of {block}x{block}")
    return [(batch, height * block, width * block, channels // block**2)]


def space_to_depth_shape(operands: Operands) -> Shapes:
    """Return the shape of (N, H / block, W / block, C * block²)."""
    block = operands.options.BlockSize()
    check_positive(block)
    batch, height, width, channels = operands.shape(0, 4)
    if height % block or width % block:
        raise FormatError(f"{height}x{width} pixels do not make blocks of {block}")
    return [(batch, height // block, width // block, channels * block**2)]


@operator("DEPTH_TO_SPACE", shapes=depth_to_space_shape, options="DepthToSpaceOptions")
@operator("SPACE_TO_DEPTH", shapes=space_to_depth_shape, options="SpaceToDepthOptions")
def depth_and_space(call: OperatorCall) -> list[Node]:
    """Moves channels into blocks of pixels, or back."""
    x, block = call.floating(0), int(call.options.BlockSize())
    if call.operator.name == "DEPTH_TO_SPACE":
        return [DepthToSpace([x], [call.output], block)]
    return [SpaceToDepth([x], [call.output], block)]
