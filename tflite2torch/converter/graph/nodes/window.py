"""The sliding window that convolutions and pools share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tflite2torch.converter.graph.value import Shape

Padding = tuple[tuple[int, int], tuple[int, int]]

NO_PADDING: Padding = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Window:
    """Kernel, stride and dilation as (height, width), and where the input is padded.

    ``padding`` is ((top, bottom), (left, right)). ``same`` is TFLite's SAME, whose padding
    depends on the size of the input, until the padding pass spells it out.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    same: bool = False
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
        if self.same:
            return tuple(-(-n // s) for n, s in zip(size, self.stride, strict=True))
        axes = zip(size, self.padding, self.reach, self.stride, strict=True)
        return tuple((n + sum(p) - r) // s + 1 for n, p, r, s in axes)

    def spelled_out(self, size: Sequence[int]) -> Window:
        """Return the window with SAME as numbers; the odd pixel goes right and bottom.

        Source: ComputePaddingWithOffset in TensorFlow Lite's kernels/padding.h.
        """
        if not self.same:
            return self
        (top, bottom), (left, right) = (
            _same(n, r, s)
            for n, r, s in zip(size, self.reach, self.stride, strict=True)
        )
        return replace(self, same=False, padding=((top, bottom), (left, right)))


def _same(size: int, reach: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2
