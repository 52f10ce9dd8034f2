"""STRIDED_SLICE and SLICE."""

from __future__ import annotations

import itertools
from typing import Any

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import Flip, Reshape
from tflite2torch.converter.graph.nodes.slicing import (
    FULL,
    Index,
    Slice,
    _length,
    canonical,
)
from tflite2torch.converter.graph.value import Value


@operator("STRIDED_SLICE")
def strided_slice(call: OperatorCall) -> list[Node]:
    """Begins, ends and strides, each of which a mask may override for an axis."""
    x, (index, added) = call.input(0), _index(call)
    flipped = [i for i, s in enumerate(index) if isinstance(s, slice) and _backward(s)]
    forward = tuple(
        canonical(_reversed(s, n), n) if isinstance(s, slice) else s
        for s, n in zip(index, x.shape, strict=True)
    )
    steps: list[Node] = [Slice([x], [call.output], _checked(call, forward))]
    if flipped:
        shrunk = [i for i, s in enumerate(forward) if isinstance(s, slice)]
        axes = tuple(shrunk.index(axis) for axis in flipped)
        steps.append(Flip([x], [call.output], axes))
    if added:
        steps.append(Reshape([x], [call.output], call.output.shape))
    return _chain(x, steps)


def _index(call: OperatorCall) -> tuple[tuple[Index, ...], bool]:
    """Return what is taken of each axis, and whether there are new axes in the result.

    Source: the rules of tf.strided_slice, which TensorFlow Lite follows.
    """
    x, options = call.input(0), call.options
    begin, end, strides = (call.integers(i) for i in (1, 2, 3))
    new = [bool(options.NewAxisMask() >> i & 1) for i in range(len(begin))]
    ellipsis = [bool(options.EllipsisMask() >> i & 1) for i in range(len(begin))]
    rest = x.rank - sum(not n and not e for n, e in zip(new, ellipsis, strict=True))
    if not len(begin) == len(end) == len(strides) or rest < 0 or 0 in strides:
        raise InvalidModelError(
            f"{call.place}: begins {list(begin)}, ends {list(end)} and strides "
            f"{list(strides)} for {x.rank} axes; the file is damaged, fetch it again"
        )
    index: list[Index] = []
    for i, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if ellipsis[i]:
            index += [FULL] * rest
        elif not new[i]:
            index.append(_axis_index(options, i, first, last, step))
    return tuple((index + [FULL] * rest)[: x.rank]), any(
        n and not e for n, e in zip(new, ellipsis, strict=True)
    )


def _axis_index(options: Any, place: int, first: int, last: int, step: int) -> Index:
    masked = bool(options.BeginMask() >> place & 1)
    if options.ShrinkAxisMask() >> place & 1:
        return 0 if masked else first
    stop = first + last if options.Offset() else last
    open_end = options.EndMask() >> place & 1
    return slice(None if masked else first, None if open_end else stop, step)


def _backward(index: slice) -> bool:
    return bool(index.step is not None and index.step < 0)


def _reversed(index: slice, size: int) -> slice:
    """Return a slice that takes the same elements, the first of them first."""
    taken = range(*index.indices(int(size)))
    if not _backward(index) or not taken:
        return index
    return slice(taken[-1], taken[0] + 1, -index.step)


def _chain(x: Value, steps: list[Node]) -> list[Node]:
    """Let each step read what the one before gives; the last one gives the output."""
    for step, after in itertools.pairwise(steps):
        step.outputs = [Value(x.name, step.infer()[0], x.dtype)]
        after.inputs = list(step.outputs)
    return steps


@operator("SLICE")
def slice_(call: OperatorCall) -> list[Node]:
    """Begins and sizes; a size of -1 takes the rest."""
    x, begin, size = call.input(0), call.integers(1), call.integers(2)
    if not len(begin) == len(size) == x.rank:
        raise InvalidModelError(
            f"{call.place}: {len(begin)} begins and {len(size)} sizes for {x.rank} "
            "axes; the file is damaged, fetch it again"
        )
    index = []
    for first, count, total in zip(begin, size, x.shape, strict=True):
        stop = total if count == -1 else first + count
        if not 0 <= first <= stop <= total:
            raise InvalidModelError(
                f"{call.place}: elements {first} to {stop} of {total}; "
                "the file is damaged, fetch it again"
            )
        index.append(canonical(slice(first, stop, 1), total))
    return [Slice([x], [call.output], _checked(call, tuple(index)))]


def _checked(call: OperatorCall, index: tuple[Index, ...]) -> tuple[Index, ...]:
    x = call.input(0)
    if any(_length(n, i) < 1 for n, i in zip(x.shape, index, strict=True)):
        raise InvalidModelError(
            f"{call.place}: it takes nothing of {list(x.shape)}; "
            "the file is damaged, fetch it again"
        )
    return index
