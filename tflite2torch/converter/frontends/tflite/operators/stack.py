"""PACK, UNPACK, SPLIT and SPLIT_V: parts put together and taken apart."""

from __future__ import annotations

import itertools

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.slicing import FULL, Index, Slice
from tflite2torch.converter.graph.nodes.stack import Stack


@operator("PACK")
def pack(call: OperatorCall) -> list[Node]:
    """An option holds the new axis."""
    inputs = [call.input(i) for i in range(len(call.inputs))]
    (axis,) = call.axes((call.options.Axis(),), call.output.rank)
    return [Stack(inputs, [call.output], axis)]


@operator("UNPACK")
def unpack(call: OperatorCall) -> list[Node]:
    """An option holds the axis, which goes; each result is a slice."""
    x = call.input(0)
    (axis,) = call.axes((call.options.Axis(),), x.rank)
    if x.shape[axis] != len(call.outputs):
        raise InvalidModelError(
            f"{call.place}: {len(call.outputs)} results of {x.shape[axis]} elements; "
            "the file is damaged, fetch it again"
        )
    return [
        Slice([x], [output], _along(x.rank, axis, position))
        for position, output in enumerate(call.outputs)
    ]


@operator("SPLIT")
def split(call: OperatorCall) -> list[Node]:
    """Equal parts along the axis that its first operand holds; each is a slice."""
    (axis,) = call.axes(call.integers(0), call.input(1).rank)
    parts = len(call.outputs)
    total = call.input(1).shape[axis]
    if parts < 1 or total % parts:
        raise InvalidModelError(
            f"{call.place}: {total} elements do not split into {parts} parts; "
            "the file is damaged, fetch it again"
        )
    return _parts(call, 1, axis, [total // parts] * parts)


@operator("SPLIT_V")
def split_v(call: OperatorCall) -> list[Node]:
    """Parts of given sizes along an axis; one size may be -1, for the rest."""
    x, sizes = call.input(0), list(call.integers(1))
    (axis,) = call.axes(call.integers(2), x.rank)
    total = x.shape[axis]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = total - sum(sizes) - 1
    if len(sizes) != len(call.outputs) or min(sizes) < 0 or sum(sizes) != total:
        raise InvalidModelError(
            f"{call.place}: {total} elements do not split into {sizes}; "
            "the file is damaged, fetch it again"
        )
    return _parts(call, 0, axis, sizes)


def _parts(call: OperatorCall, operand: int, axis: int, sizes: list[int]) -> list[Node]:
    x = call.input(operand)
    ends = list(itertools.accumulate(sizes))
    nodes: list[Node] = []
    for output, size, end in zip(call.outputs, sizes, ends, strict=True):
        start = end - size or None
        stop = end if end < x.shape[axis] else None
        nodes.append(Slice([x], [output], _along(x.rank, axis, slice(start, stop))))
    return nodes


def _along(rank: int, axis: int, index: Index) -> tuple[Index, ...]:
    return (*[FULL] * axis, index, *[FULL] * (rank - axis - 1))
