"""Operators that rearrange elements without changing them."""

from __future__ import annotations

import math

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import (
    BroadcastTo,
    Flip,
    Permute,
    Reshape,
    Tile,
)


@operator("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def reshape(call: OperatorCall) -> list[Node]:
    """Other sizes for the same elements: those of its output in the file."""
    x, output = call.input(0), call.output
    if math.prod(x.shape) != math.prod(output.shape):
        raise InvalidModelError(
            f"{call.place} makes {list(output.shape)} of {list(x.shape)}, which has "
            "another number of elements; the file is damaged, fetch it again"
        )
    return [Reshape([x], [output], output.shape)]


@operator("TRANSPOSE")
def transpose(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axes in their new order."""
    x, axes = call.input(0), call.integers(1)
    if sorted(axis % max(x.rank, 1) for axis in axes) != list(range(x.rank)):
        raise InvalidModelError(
            f"{call.place}: {list(axes)} does not permute {x.rank} axes; "
            "the file is damaged, fetch it again"
        )
    return [Permute([x], [call.output], tuple(axis % x.rank for axis in axes))]


@operator("REVERSE_V2")
def reverse(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axes."""
    x = call.input(0)
    return [Flip([x], [call.output], call.axes(call.integers(1), x.rank))]


@operator("TILE")
def tile(call: OperatorCall) -> list[Node]:
    """Its second operand holds how often, for each axis."""
    x, multiples = call.input(0), call.integers(1)
    if len(multiples) != x.rank or min(multiples, default=1) < 1:
        raise InvalidModelError(
            f"{call.place}: repeats {list(x.shape)} {list(multiples)} times; "
            "the file is damaged, fetch it again"
        )
    return [Tile([x], [call.output], multiples)]


@operator("BROADCAST_TO")
def broadcast_to(call: OperatorCall) -> list[Node]:
    """Its second operand holds the shape."""
    x, shape = call.input(0), call.integers(1)
    padded = (1,) * (len(shape) - x.rank) + x.shape
    if len(shape) < x.rank or any(
        a not in (1, b) for a, b in zip(padded, shape, strict=True)
    ):
        raise InvalidModelError(
            f"{call.place}: stretches {list(x.shape)} to {list(shape)}; "
            "the file is damaged, fetch it again"
        )
    return [BroadcastTo([x], [call.output], shape)]
