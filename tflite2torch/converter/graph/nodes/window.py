"""The sliding window that convolutions and pools share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.value import Shape

Padding = tuple[tuple[int, int], tuple[int, int]]

NO_PADDING: Padding = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Window:
    """Kernel, stride and dilation as (height, width), and where the input is padded.

    ``padding`` is ((top, bottom), (left, right)).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING

    @property
    def reach(self) -> tuple[int, int]:
        """How many pixels the kernel spans, dilation included."""
        (height, width), (down, across) = self.kernel, self.dilation
        return (height - 1) * down + 1, (width - 1) * across + 1

    @property
    def symmetric_padding(self) -> tuple[int, int]:
        """The padding that torch's layers take: the same on both sides."""
        return self.padding[0][0], self.padding[1][0]

    @property
    def ends_by_ceiling(self) -> bool:
        """Whether torch's ``ceil_mode`` gives what is padded right and bottom.

        It lets the last window reach over the edge, by less than a stride.
        """
        return all(
            after == before or (after == before + 1 and stride > 1)
            for (before, after), stride in zip(self.padding, self.stride, strict=True)
        )

    def output(self, size: Sequence[int]) -> Shape:
        """Return the (height, width) that comes of an input of this (height, width)."""
        axes = zip(size, self.padding, self.reach, self.stride, strict=True)
        return tuple((n + sum(p) - r) // s + 1 for n, p, r, s in axes)
