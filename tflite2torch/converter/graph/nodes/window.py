"""The sliding window of convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.value import Shape

Padding = tuple[tuple[int, int], tuple[int, int]]

NO_PADDING: Padding = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Window:
    """Kernel size, stride and dilation as (height, width), and padding.

    ``padding`` is ((top, bottom), (left, right)).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING

    @property
    def reach(self) -> tuple[int, int]:
        """The (height, width) in pixels that the kernel spans, dilation included."""
        (height, width), (down, across) = self.kernel, self.dilation
        return (height - 1) * down + 1, (width - 1) * across + 1

    @property
    def symmetric_padding(self) -> tuple[int, int]:
        """The (vertical, horizontal) padding of torch's layers, if it is the same on both sides."""
        return self.padding[0][0], self.padding[1][0]

    @property
    def ends_by_ceiling(self) -> bool:
        """Whether torch's ``ceil_mode`` produces the padding at the right and the bottom."""
        # ceil_mode lets the last window reach over the padded edge by less than a stride, which
        # makes up for one more row or column there.
        return all(
            after == before or (after == before + 1 and stride > 1)
            for (before, after), stride in zip(self.padding, self.stride, strict=True)
        )

    def output(self, size: Sequence[int]) -> Shape:
        """Return the output (height, width) for an input (height, width)."""
        axes = zip(size, self.padding, self.reach, self.stride, strict=True)
        return tuple((n + sum(p) - r) // s + 1 for n, p, r, s in axes)
