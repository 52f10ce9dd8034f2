"""Slicing."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Literal, Node
from tflite2torch.converter.graph.value import Shape

Index = slice | int
FULL = slice(None)


@dataclass(eq=False, repr=False)
class Slice(Node):
    """Basic indexing with one index per axis; an integer drops its axis."""

    index: tuple[Index, ...]

    @property
    def layout(self) -> str:
        return "any" if all(isinstance(i, slice) for i in self.index) else "fixed"

    def infer(self) -> list[Shape]:
        pairs = zip(self.inputs[0].shape, self.index, strict=True)
        return [tuple(_length(n, i) for n, i in pairs if isinstance(i, slice))]

    def follow_batch(self) -> list[Node]:
        """Take the whole batch where the file takes its only sample or drops the axis."""
        if self.inputs[0].batched:
            if _length(1, self.index[0]) != 1:
                raise BatchError("it takes no sample of the batch")
            self.index = (FULL, *self.index[1:])
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.index = tuple(FULL if i < 0 else self.index[i] for i in order)

    def is_empty(self) -> bool:
        """Return whether the output has no elements."""
        pairs = zip(self.inputs[0].shape, self.index, strict=True)
        return any(_length(size, index) < 1 for size, index in pairs)

    def code(self) -> Code:
        index = list(self.index)
        while index and index[-1] == FULL:
            index.pop()
        shown: Literal = tuple(index)
        return Code("x0[index]", {"index": shown if len(index) != 1 else index[0]})


def _length(size: int, index: Index) -> int:
    """Return the number of elements that an index takes of an axis; keeps ``N``."""
    if isinstance(index, int):
        return 1 if -size <= index < size else 0
    if index == FULL:
        return size
    return len(range(*index.indices(int(size))))


def canonical(index: slice, size: int) -> slice:
    """Return an equivalent slice with None for every value that is the default."""
    start, stop, step = index.indices(int(size))
    return slice(
        None if start == 0 else start,
        None if stop == size else stop,
        None if step == 1 else step,
    )
