"""PACK, UNPACK, SPLIT and SPLIT_V."""

from __future__ import annotations

import itertools

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    MANY,
    Operands,
    Shapes,
    axis_from_front,
    resized,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.slicing import FULL, Index, Slice
from tflite2torch.converter.graph.nodes.stack import Stack


def pack_shape(operands: Operands) -> Shapes:
    """Return the shape of inputs, which must have one shape, stacked along a new axis."""
    shapes = {operands.shape(i) for i in range(len(operands.inputs))}
    if operands.options.ValuesCount() != len(operands.inputs) or len(shapes) > 1:
        raise FormatError(f"its {len(operands.inputs)} operands cannot be stacked")
    (shape,) = shapes
    axis = axis_from_front(operands.options.Axis(), len(shape) + 1)
    return [(*shape[:axis], len(operands.inputs), *shape[axis:])]


@operator("PACK", shapes=pack_shape, inputs=(1, MANY), options="PackOptions")
def pack(call: OperatorCall) -> list[Node]:
    """Stacks inputs along a new axis."""
    inputs = [call.input(i) for i in range(len(call.inputs))]
    return [Stack(inputs, [call.output], call.options.Axis() % call.output.rank)]


def unpack_shape(operands: Operands) -> Shapes:
    """Return the input's shape without an axis, once for each of its elements."""
    shape, parts = operands.shape(0), len(operands.outputs)
    axis = axis_from_front(operands.options.Axis(), len(shape))
    if not operands.options.Num() == parts == shape[axis]:
        raise FormatError(f"{parts} outputs for {shape[axis]} elements")
    return [(*shape[:axis], *shape[axis + 1 :])] * parts


@operator("UNPACK", shapes=unpack_shape, options="UnpackOptions", outputs=None)
def unpack(call: OperatorCall) -> list[Node]:
    """Splits an axis into its elements; each output is a slice without the axis."""
    x = call.input(0)
    axis = call.options.Axis() % x.rank
    return [
        Slice([x], [output], _along(x.rank, axis, position))
        for position, output in enumerate(call.outputs)
    ]


def split_shape(operands: Operands) -> Shapes:
    """Return the shapes of equal parts of an axis."""
    shape, parts = operands.shape(1), len(operands.outputs)
    if operands.options.NumSplits() != parts:
        raise FormatError(f"{operands.options.NumSplits()} parts, but {parts} outputs")
    axes = operands.integers(0, 1)
    if axes is None:
        return [None] * parts
    axis = axis_from_front(axes[0], len(shape))
    if shape[axis] % parts:
        raise FormatError(f"{shape[axis]} elements do not make {parts} equal parts")
    return [resized(shape, axis, shape[axis] // parts)] * parts


@operator(
    "SPLIT",
    shapes=split_shape,
    inputs=2,
    options="SplitOptions",
    gives=1,
    outputs=None,
)
def split(call: OperatorCall) -> list[Node]:
    """Splits a constant axis into equal parts; each output is a slice."""
    (axis,) = call.axes(0, call.input(1).rank)
    parts = len(call.outputs)
    return _parts(call, 1, axis, [call.input(1).shape[axis] // parts] * parts)


def split_v_shape(operands: Operands) -> Shapes:
    """Return the shapes of parts of given sizes; one may be -1, to be inferred."""
    shape, parts = operands.shape(0), len(operands.outputs)
    if operands.options.NumSplits() != parts:
        raise FormatError(f"{operands.options.NumSplits()} parts, but {parts} outputs")
    sizes, axes = operands.integers(1, parts), operands.integers(2, 1)
    if sizes is None or axes is None:
        return [None] * parts
    axis = axis_from_front(axes[0], len(shape))
    filled = _filled(sizes, shape[axis])
    if sizes.count(-1) > 1 or min(filled) < 0 or sum(filled) != shape[axis]:
        raise FormatError(f"parts of {list(sizes)} do not make {shape[axis]}")
    return [resized(shape, axis, size) for size in filled]


@operator("SPLIT_V", shapes=split_v_shape, inputs=3, options="SplitVOptions", outputs=None)
def split_v(call: OperatorCall) -> list[Node]:
    """Splits a constant axis into parts of constant sizes; one may be -1, for the rest."""
    x = call.input(0)
    sizes, (axis,) = call.integers(1), call.axes(2, x.rank)
    return _parts(call, 0, axis, _filled(sizes, x.shape[axis]))


def _filled(sizes: tuple[int, ...], total: int) -> list[int]:
    """Return sizes with -1 replaced by what the others leave of ``total``."""
    rest = total - sum(size for size in sizes if size != -1)
    return [rest if size == -1 else size for size in sizes]


def _parts(call: OperatorCall, position: int, axis: int, sizes: list[int]) -> list[Node]:
    """Return slices of an input that follow each other along an axis."""
    x = call.input(position)
    ends = list(itertools.accumulate(sizes))
    nodes: list[Node] = []
    for output, size, end in zip(call.outputs, sizes, ends, strict=True):
        start = end - size or None
        stop = end if end < x.shape[axis] else None
        nodes.append(Slice([x], [output], _along(x.rank, axis, slice(start, stop))))
    return nodes


def _along(rank: int, axis: int, index: Index) -> tuple[Index, ...]:
    """Return indices that take all of every axis but one."""
    return (*[FULL] * axis, index, *[FULL] * (rank - axis - 1))
