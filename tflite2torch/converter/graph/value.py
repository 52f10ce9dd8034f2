"""Values: the tensors that flow between the nodes of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]

Shape = tuple[int, ...]

TO_NCHW = (0, 3, 1, 2)
"""Permutes an NHWC image to NCHW."""

TO_NHWC = (0, 2, 3, 1)
"""Permutes an NCHW image to NHWC."""


class _Batch(int):
    """The size of the batch axis: prints as N, and counts as 1 in products of sizes.

    ``math.prod(shape)`` is thereby the number of elements of one sample.
    """

    def __repr__(self) -> str:
        return "N"

    __str__ = __repr__


N = _Batch(1)


@dataclass(frozen=True)
class Provenance:
    """The tensor of the source file that a value stands for.

    Attributes:
        format: the file format, such as ``tflite``.
        index: the tensor's index in the file.
        name: the file's name of it; untrusted text.
        permutation: axis ``i`` of the value is axis ``permutation[i]`` of the tensor; a
            leading -1 is a batch axis that the tensor lacks. A constant may lack axes of
            size one that the tensor has.
    """

    format: str
    index: int
    name: str
    permutation: tuple[int, ...]


@dataclass(eq=False)
class Value:
    """A tensor of the graph.

    Attributes:
        name: of the tensor in the source file that this value is, or is computed for;
            untrusted text.
        shape: sizes, ``N`` where the axis is the batch.
        dtype: ``float32``, ``int32``, …; what computation sees. Constants may be *stored*
            narrower (float16 weights) and widen exactly when they are written.
        origin: the tensor of the source file; None for a value that the file lacks.
        data: elements of a constant, in this value's axis order; None for all others.
        image: whether the axes are (N, C, H, W). Other values of rank 4, such as tokens,
            keep the axis order of their file.
    """

    name: str
    shape: Shape
    dtype: str
    origin: Provenance | None = None
    data: Array | None = None
    image: bool = False

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def batched(self) -> bool:
        """Whether the leading axis is the batch."""
        return bool(self.shape) and self.shape[0] is N

    @property
    def channel_axis(self) -> int:
        """The axis of the channels: 1 for an NCHW image, the last one otherwise."""
        return 1 if self.image else self.rank - 1

    @property
    def array(self) -> Array:
        """The elements of a constant; AttributeError for a computed value."""
        if self.data is None:
            raise AttributeError(f"{self!r} is computed")
        return self.data

    @property
    def permutation(self) -> tuple[int, ...]:
        """The permutation of its origin; without one, the identity."""
        return self.origin.permutation if self.origin else tuple(range(self.rank))

    def permuted(self, axes: tuple[int, ...]) -> Value:
        """Return the value, constants' elements included, with its axes in another order."""
        origin = self.origin
        if origin is not None:
            order = tuple(origin.permutation[axis] for axis in axes)
            origin = replace(origin, permutation=order)
        return Value(
            self.name,
            tuple(self.shape[axis] for axis in axes),
            self.dtype,
            origin,
            None if self.data is None else self.data.transpose(axes),
            image=axes == TO_NCHW and self.data is None,
        )

    def reshaped(self, shape: Shape) -> Value:
        """Return a constant with other sizes for the same elements in the same order."""
        return replace(self, shape=shape, data=self.array.reshape(shape))

    def __repr__(self) -> str:
        const = "const " if self.data is not None else ""
        where = "" if self.origin is None else f"#{self.origin.index}"
        return f"{const}{self.dtype}{list(self.shape)}{where}"


def image_sizes(x: Value) -> tuple[int, tuple[int, int], int]:
    """Return the batch, (height, width) and channels of an image of either layout.

    Images are NHWC until the front end of such a format has chosen layouts.
    """
    if x.image:
        batch, channels, height, width = x.shape
    else:
        batch, height, width, channels = x.shape
    return batch, (height, width), channels


def image_shape(x: Value, size: Sequence[int], channels: int) -> Shape:
    """Return the shape of an image of this (height, width) in the layout and batch of ``x``."""
    batch, *_ = x.shape
    return (batch, channels, *size) if x.image else (batch, *size, channels)
