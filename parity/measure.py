"""How two arrays differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parity.wire import Array

Index = tuple[int, ...]

LARGEST = float(np.nextafter(np.finfo(np.float32).max, np.float32(0)))
"""The largest float32 that has a next one."""


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference of two arrays of one shape.

    Attributes:
        largest: over the elements that are finite on both sides; 0 where there are none.
        mean: over the same elements.
        where: index of that element.
        compared: how many elements are finite on both sides.
        unequal: index of the first element that is NaN or infinite on one side and not
            the same on the other, None where there is none.
    """

    largest: float
    mean: float
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
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(np.subtract(one, other, dtype=np.float64))
    unequal: Index | None = None
    compared = distance.size
    # Where all is finite, which is nearly always, one look at the sum says so.
    if not np.isfinite(distance.sum()):
        finite = np.isfinite(one) & np.isfinite(other)
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        distance = np.where(finite, distance, 0.0)
        unequal = _first(~finite & ~same)
        compared = int(finite.sum())
    worst = np.unravel_index(int(distance.argmax()), one.shape) if one.size else ()
    return Difference(
        largest=float(distance.max(initial=0.0)),
        mean=float(distance.sum() / max(compared, 1)),
        where=tuple(int(axis) for axis in worst),
        compared=compared,
        unequal=unequal,
    )


def _first(marked: Array) -> Index | None:
    """Return the index of the first element that is marked."""
    found = np.argwhere(marked)
    return tuple(int(axis) for axis in found[0]) if len(found) else None


def magnitude(array: Array) -> float:
    """Return the largest absolute finite value, 0 where there is none."""
    values = array.astype(np.float64)
    return float(np.abs(values).max(initial=0.0, where=np.isfinite(values)))


def ulp(size: float) -> float:
    """Return the distance from ``size``, which is not negative, to the next float32."""
    return float(np.spacing(np.float32(min(size, LARGEST))))
