"""Values: the tensors that nodes of a graph read and compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

Shape = tuple[int, ...]

TO_NCHW = (0, 3, 1, 2)
"""Permutes an NHWC image to NCHW."""

TO_NHWC = (0, 2, 3, 1)
"""Permutes an NCHW image to NHWC."""


class _Batch(int):
    """The symbolic size of the batch axis: prints as N and equals 1.

    ``math.prod(shape)`` thus is the number of elements of one sample.
    """

    def __repr__(self) -> str:
        return "N"

    __str__ = __repr__


N = _Batch(1)
"""The batch size; compare with ``is``, since it equals 1."""


@dataclass(frozen=True)
class Provenance:
    """The tensor of the source file that a value corresponds to.

    Attributes:
        format: the file format, such as ``tflite``.
        index: the tensor's index in the file.
        name: the tensor's name in the file; untrusted text.
        permutation: axis ``i`` of the value is axis ``permutation[i]`` of the tensor; a
            leading -1 is a batch axis that the tensor lacks. A constant may lack some of the
            tensor's axes of size one.
        free: axes of the tensor whose size the file leaves open.
    """

    format: str
    index: int
    name: str
    permutation: tuple[int, ...]
    free: frozenset[int] = frozenset()


@dataclass(eq=False)
class Value:
    """A tensor of the graph.

    Attributes:
        name: name of the corresponding tensor in the source file, or of the one that the
            value is an intermediate result for; untrusted text.
        shape: sizes of the axes; that of the batch axis is ``N``.
        dtype: type in computation, such as ``float32``. The data of a constant may have a
            narrower type (float16 weights) and are converted exactly when written.
        origin: the tensor of the source file; None for a value that the file lacks.
        data: elements of a constant, in this value's axis order; None if computed.
        image: whether the axes are (N, C, H, W). Other values of rank 4, such as tokens,
            keep the axis order of the file.
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
        """Whether the first axis is the batch axis."""
        return bool(self.shape) and self.shape[0] is N

    @property
    def free_axes(self) -> list[int]:
        """The axes, but for the batch, whose size the source file leaves open."""
        if self.origin is None:
            return []
        axes = enumerate(self.permutation)
        return [i for i, axis in axes if axis in self.origin.free and self.shape[i] is not N]

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
    def number(self) -> bool | int | float:
        """The only element of a constant, a float as its shortest decimal."""
        element = self.array.reshape(-1)[0]
        if self.array.dtype.kind == "f":
            return shortest(element)
        return bool(element) if self.array.dtype.kind == "b" else int(element)

    @property
    def permutation(self) -> tuple[int, ...]:
        """The permutation of the origin; the identity if there is no origin."""
        return self.origin.permutation if self.origin else tuple(range(self.rank))

    def permuted(self, axes: tuple[int, ...]) -> Value:
        """Return a value with permuted axes, including the data of a constant."""
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
        """Return a constant with another shape and the same elements in the same order."""
        return replace(self, shape=shape, data=self.array.reshape(shape))

    def __repr__(self) -> str:
        const = "const " if self.data is not None else ""
        where = "" if self.origin is None else f"#{self.origin.index}"
        return f"{const}{self.dtype}{list(self.shape)}{where}"


def image_sizes(x: Value) -> tuple[int, tuple[int, int], int]:
    """Return batch size, (height, width) and channels of an image, NCHW or NHWC.

    Images of an NHWC format are NHWC until its front end has chosen layouts.
    """
    if x.image:
        batch, channels, height, width = x.shape
    else:
        batch, height, width, channels = x.shape
    return batch, (height, width), channels


def image_shape(x: Value, size: Sequence[int], channels: int) -> Shape:
    """Return the shape of an image of (height, width) size with layout and batch of ``x``."""
    batch, *_ = x.shape
    return (batch, channels, *size) if x.image else (batch, *size, channels)


def shortest(value: float) -> float:
    """Return a float32 as the float of its shortest decimal: 0.1, not 0.10000000149."""
    return float(str(np.float32(value)))
