"""How two arrays differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parity.wire import Array

Index = tuple[int, ...]

FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference of two arrays of one shape.

    Attributes:
        largest: over the elements that are finite on both sides; 0 where there are none.
        where: index of that element.
        compared: how many elements are finite on both sides.
        unequal: index of the first element that is NaN or infinite on one side and not
            the same on the other, None where there is none.
    """

    largest: float
    where: Index
    compared: int
    unequal: Index | None


def difference(one: Array, other: Array) -> Difference:
    """Compare element by element, in float64.

    Raises:
        ValueError: where the shapes differ; nothing is ever broadcast or reshaped.
    """
    if one.shape != other.shape:
        raise ValueError(f"shapes {one.shape} and {other.shape} differ")
    one, other = one.astype(np.float64), other.astype(np.float64)
    finite = np.isfinite(one) & np.isfinite(other)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        distance = np.where(finite, np.abs(one - other), 0.0)
    unequal = np.argwhere(~finite & ~same)
    worst = np.unravel_index(int(distance.argmax()), one.shape) if one.size else ()
    return Difference(
        largest=float(distance.max(initial=0.0)),
        where=tuple(int(axis) for axis in worst),
        compared=int(finite.sum()),
        unequal=tuple(int(axis) for axis in unequal[0]) if len(unequal) else None,
    )


def magnitude(array: Array) -> float:
    """Return the largest absolute finite value, 0 where there is none."""
    values = array.astype(np.float64)
    return float(np.abs(values).max(initial=0.0, where=np.isfinite(values)))


def ulp(size: float) -> float:
    """Return the distance from ``size``, which is not negative, to the next float32."""
    return float(np.spacing(np.float32(min(size, FLOAT32_MAX))))
