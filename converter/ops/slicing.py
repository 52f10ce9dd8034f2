"""STRIDED_SLICE and SLICE."""

from __future__ import annotations

from dataclasses import dataclass

from converter.errors import InvalidModelError
from converter.graph import BatchError, Code, Literal, Node, Shape
from converter.ops.registry import NotSupportedError, OperatorCall, operator

Index = slice | int
FULL = slice(None)


@dataclass(eq=False, repr=False)
class Slice(Node):
    """A part of a tensor; a plain integer picks one element and drops the axis."""

    index: tuple[Index, ...]

    @property
    def layout(self) -> str:
        return "any" if all(isinstance(i, slice) for i in self.index) else "tflite"

    def infer(self) -> list[Shape]:
        pairs = zip(self.inputs[0].shape, self.index, strict=True)
        return [tuple(_length(n, i) for n, i in pairs if isinstance(i, slice))]

    def follow_batch(self) -> list[Node]:
        """Keep all samples where TFLite takes, or drops, its only one."""
        if self.inputs[0].batched:
            if _length(1, self.index[0]) != 1:
                raise BatchError("it takes no sample of the batch")
            self.index = (FULL, *self.index[1:])
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.index = tuple(FULL if i < 0 else self.index[i] for i in order)

    def code(self) -> Code:
        index = list(self.index)
        while index and index[-1] == FULL:
            index.pop()
        shown: Literal = tuple(index)
        return Code("x0[index]", {"index": shown if len(index) != 1 else index[0]})


def _length(size: int, index: Index) -> int:
    if isinstance(index, int):
        return 1 if -size <= index < size else 0
    if index == FULL:
        return size
    return len(range(*index.indices(int(size))))


@operator("STRIDED_SLICE")
def strided_slice(call: OperatorCall) -> list[Node]:
    """Begins, ends and strides, each of which a mask may override for an axis."""
    x, options = call.input(0), call.options
    begin, end, strides = (call.integers(i) for i in (1, 2, 3))
    if not len(begin) == len(end) == len(strides) <= x.rank:
        raise InvalidModelError(
            f"{call.place}: {len(begin)} begins, {len(end)} ends and {len(strides)} "
            f"strides for {x.rank} axes; the file is damaged, fetch it again"
        )
    if options.EllipsisMask() or options.NewAxisMask() or options.Offset():
        raise NotSupportedError("its ellipsis, new-axis or offset")
    if min(strides, default=1) < 1:
        raise NotSupportedError(f"its strides are {list(strides)}")
    index: list[Index] = [FULL] * x.rank
    for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << axis
        if options.ShrinkAxisMask() & bit:
            index[axis] = first
            continue
        start = None if options.BeginMask() & bit else first
        stop = None if options.EndMask() & bit else last
        index[axis] = _canonical(slice(start, stop, step), x.shape[axis])
    return _sliced(call, tuple(index))


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
        index.append(_canonical(slice(first, stop, 1), total))
    return _sliced(call, tuple(index))


def _sliced(call: OperatorCall, index: tuple[Index, ...]) -> list[Node]:
    x = call.input(0)
    if any(_length(n, i) < 1 for n, i in zip(x.shape, index, strict=True)):
        raise InvalidModelError(
            f"{call.place}: it takes nothing of {list(x.shape)}; "
            "the file is damaged, fetch it again"
        )
    return [Slice([x], [call.output], index)]


def _canonical(index: slice, size: int) -> slice:
    """Return the shortest slice that takes the same elements."""
    start, stop, step = index.indices(int(size))
    return slice(
        None if start == 0 else start,
        None if stop == size else stop,
        None if step == 1 else step,
    )
