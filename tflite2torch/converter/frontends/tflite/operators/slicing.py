"""STRIDED_SLICE and SLICE."""

from __future__ import annotations

import itertools
from typing import Any

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    axis_from_front,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import Flip, Reshape
from tflite2torch.converter.graph.nodes.slicing import FULL, Index, Slice, canonical
from tflite2torch.converter.graph.value import Value


def strided_slice_shape(operands: Operands) -> Shapes:
    """Return the output shape; None with new axes, an ellipsis, or ends that are offsets."""
    shape, options = operands.shape(0), operands.options
    begin, end, strides = (operands.integers(i) for i in (1, 2, 3))
    if begin is None or end is None or strides is None:
        return [None]
    if not len(begin) == len(end) == len(strides) or 0 in strides:
        raise FormatError(f"begins {begin}, ends {end} and strides {strides} differ")
    # Places of new axes and of the ellipsis take no axis of the input.
    added = options.NewAxisMask() | options.EllipsisMask()
    places = [place for place in range(len(begin)) if not added >> place & 1]
    if len(places) > len(shape):
        raise FormatError(f"it takes {len(places)} axes of {list(shape)}")
    if not options.EllipsisMask():  # behind an ellipsis, places are no axes
        for axis, place in enumerate(places):
            if options.ShrinkAxisMask() >> place & 1:
                masked = options.BeginMask() >> place & 1
                axis_from_front(0 if masked else begin[place], shape[axis])
    if added or options.Offset():
        return [None]
    # From the last axis to the first, behind which are the axes that are not mentioned.
    sizes = list(shape[len(begin) :])
    for axis in reversed(range(len(begin))):
        bit, size, step = 1 << axis, shape[axis], strides[axis]
        if options.ShrinkAxisMask() & bit:
            continue
        start = None if options.BeginMask() & bit else begin[axis]
        stop = None if options.EndMask() & bit else end[axis]
        sizes.insert(0, len(range(*slice(start, stop, step).indices(size))))
    return [tuple(sizes)]


@operator("STRIDED_SLICE", shapes=strided_slice_shape, inputs=4, options="StridedSliceOptions")
def strided_slice(call: OperatorCall) -> list[Node]:
    """Slices by constant begins, ends and strides; all masks are supported."""
    # torch has no negative strides: such an axis is sliced forward, then flipped. It has no
    # new axes in a slice either: a reshape adds them.
    x, (index, added) = call.input(0), _index(call)
    flipped = [i for i, s in enumerate(index) if isinstance(s, slice) and _backward(s)]
    forward = tuple(
        canonical(_reversed(s, n), n) if isinstance(s, slice) else s
        for s, n in zip(index, x.shape, strict=True)
    )
    steps: list[Node] = [_slice(call, forward)]
    if flipped:
        # Integers have dropped their axes by now, which renumbers the ones to flip.
        shrunk = [i for i, s in enumerate(forward) if isinstance(s, slice)]
        axes = tuple(shrunk.index(axis) for axis in flipped)
        steps.append(Flip([x], [call.output], axes))
    if added:
        steps.append(Reshape([x], [call.output], call.output.shape))
    # Chain the steps: each reads a new value that the step before computes.
    for step, after in itertools.pairwise(steps):
        step.outputs = [Value(x.name, step.infer()[0], x.dtype)]
        after.inputs = list(step.outputs)
    return steps


def _index(call: OperatorCall) -> tuple[tuple[Index, ...], bool]:
    """Return the index of each axis of the input, and whether the output has new axes.

    Source: the specification of tf.strided_slice, which TensorFlow Lite follows.
    """
    rank, options = call.input(0).rank, call.options
    begin, end, strides = (call.integers(i) for i in (1, 2, 3))
    new = [bool(options.NewAxisMask() >> i & 1) for i in range(len(begin))]
    ellipsis = [bool(options.EllipsisMask() >> i & 1) for i in range(len(begin))]
    # An ellipsis takes all axes that no other place does. Axes at the end that no place
    # mentions are taken whole as well.
    rest = rank - sum(not n and not e for n, e in zip(new, ellipsis, strict=True))
    index: list[Index] = []
    for i, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if ellipsis[i]:
            index += [FULL] * rest
        elif not new[i]:
            index.append(_axis_index(options, i, first, last, step))
    return tuple((index + [FULL] * rest)[:rank]), any(
        n and not e for n, e in zip(new, ellipsis, strict=True)
    )


def _axis_index(options: Any, place: int, first: int, last: int, step: int) -> Index:
    """Return the index of one axis, with the masks' bits at ``place`` applied."""
    masked = bool(options.BeginMask() >> place & 1)
    if options.ShrinkAxisMask() >> place & 1:
        return 0 if masked else first
    stop = first + last if options.Offset() else last
    open_end = options.EndMask() >> place & 1
    return slice(None if masked else first, None if open_end else stop, step)


def _backward(index: slice) -> bool:
    return bool(index.step is not None and index.step < 0)


def _reversed(index: slice, size: int) -> slice:
    """Return a slice that takes the same elements in ascending order."""
    # Computed from the elements taken, since an end of -1 means something else forward.
    taken = range(*index.indices(int(size)))
    if not _backward(index) or not taken:
        return index
    return slice(taken[-1], taken[0] + 1, -index.step)


def slice_shape(operands: Operands) -> Shapes:
    """Return the sizes of the slice; -1 takes the rest of an axis."""
    shape = operands.shape(0)
    begin = operands.integers(1, len(shape))
    sizes = operands.integers(2, len(shape))
    if begin is None or sizes is None:
        return [None]
    result = []
    for first, count, total in zip(begin, sizes, shape, strict=True):
        count = total - first if count == -1 else count
        if first < 0 or count < 0 or first + count > total:
            raise FormatError(f"it takes {count} elements from {first} on, of {total}")
        result.append(count)
    return [tuple(result)]


@operator("SLICE", shapes=slice_shape, inputs=3)
def slice_(call: OperatorCall) -> list[Node]:
    """Slices by constant begins and sizes; a size of -1 takes the rest."""
    bounds = zip(call.integers(1), call.integers(2), call.input(0).shape, strict=True)
    index = tuple(
        canonical(slice(first, total if count == -1 else first + count, 1), total)
        for first, count, total in bounds
    )
    return [_slice(call, index)]


def _slice(call: OperatorCall, index: tuple[Index, ...]) -> Slice:
    """Return a slice; NotSupportedError if its output is empty."""
    x = call.input(0)
    node = Slice([x], [call.output], index)
    if node.is_empty():
        raise NotSupportedError(f"it takes nothing of {list(x.shape)}")
    return node
