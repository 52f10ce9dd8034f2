"""The graph that travels from the reader through the passes to the writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


class _Batch(int):
    """The batch dimension: prints as N, and counts as 1 wherever sizes are multiplied.

    TFLite bakes a batch of one into every shape, so the size of one sample's share of a value
    is what ``math.prod(shape)`` gives either way.
    """

    def __repr__(self) -> str:
        return "N"

    __str__ = __repr__


N = _Batch(1)

Shape = tuple[int, ...]

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)
"""Permutations between the two layouts of images."""


@dataclass(eq=False)
class Value:
    """A tensor of the graph, and which TFLite tensor it stands for (its provenance).

    Attributes:
        name: TFLite's name of the tensor; untrusted text.
        shape: sizes, ``N`` where the axis is the batch.
        dtype: ``float32``, ``int32``, …; what computation sees. Constants may be *stored*
            narrower (float16 weights) and widen exactly when they are written.
        tensor: index of the TFLite tensor, or None for a value that TFLite does not have.
        order: axis ``i`` of this value is axis ``order[i]`` of the TFLite tensor; -1 is a
            batch axis that the TFLite tensor lacks. Some constants (slopes, matrices) then
            go without axes of one element.
        data: what a constant holds, in this value's axis order; None for all others.
    """

    name: str
    shape: Shape
    dtype: str
    tensor: int | None = None
    order: tuple[int, ...] = ()
    data: Array | None = None

    def __post_init__(self) -> None:
        if not self.order:
            self.order = tuple(range(len(self.shape)))

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def batched(self) -> bool:
        """Whether the leading axis is the batch."""
        return bool(self.shape) and self.shape[0] is N

    @property
    def channel_axis(self) -> int:
        """The axis of the channels: 1 for an NCHW image, the last one otherwise."""
        image = self.order in (TO_NCHW, (-1, 2, 0, 1))  # -1: its batch axis was added
        return 1 if image else self.rank - 1

    @property
    def array(self) -> Array:
        """What a constant holds; AttributeError for a value that is computed."""
        if self.data is None:
            raise AttributeError(f"{self!r} is computed")
        return self.data

    def permuted(self, axes: tuple[int, ...]) -> Value:
        """Return the value with its axes in another order, a constant's elements too."""
        return Value(
            self.name,
            tuple(self.shape[axis] for axis in axes),
            self.dtype,
            self.tensor,
            tuple(self.order[axis] for axis in axes),
            None if self.data is None else self.data.transpose(axes),
        )

    def __repr__(self) -> str:
        const = "const " if self.data is not None else ""
        where = "" if self.tensor is None else f"#{self.tensor}"
        return f"{const}{self.dtype}{list(self.shape)}{where}"
