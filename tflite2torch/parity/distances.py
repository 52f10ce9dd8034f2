"""Distances between arrays, and the spacing of floating-point numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array

Index = tuple[int, ...]

LARGEST = float(np.nextafter(np.finfo(np.float32).max, np.float32(0)))
"""The largest float32 that has a next one."""

SPACINGS = {
    "float64": (53, -1074),
    "float32": (24, -149),
    "float16": (11, -24),
    "bfloat16": (8, -133),
}
"""Of each floating type, the binary digits and the exponent of the smallest ulp."""


PART = 1 << 15
"""Elements that are subtracted at a time: the differences then stay in the cache."""


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference of two arrays of one shape.

    Attributes:
        largest: over the elements that are finite on both sides; 0 where there are none.
        mean: over the same elements.
        power: the sum of their squared differences.
        where: index of the largest.
        compared: how many elements are finite on both sides.
        unequal: index of the first element that is NaN or infinite on one side and
            something else on the other; None where there is none.
    """

    largest: float
    mean: float
    power: float
    where: Index
    compared: int
    unequal: Index | None


def difference(one: Array, other: Array) -> Difference:
    """Compare element by element, in float64.

    Raises:
        ValueError: where the shapes differ; nothing is ever broadcast or reshaped.
    """
    _check_shapes(one, other)
    left, right = one.reshape(-1), other.reshape(-1)
    largest, total, power, place = 0.0, 0.0, 0.0, 0
    for start in range(0, left.size, PART):
        part = slice(start, start + PART)
        with np.errstate(invalid="ignore", over="ignore"):
            distances = np.subtract(left[part], right[part], dtype=np.float64)
            power += dot(distances, distances)
        np.abs(distances, out=distances)
        total += float(distances.sum())
        if distances.max() > largest:
            place = int(distances.argmax())
            largest = float(distances[place])
            place += start
    # NaN and infinity carry through to the sum: a finite sum means that all is finite,
    # as nearly always, without a pass over the array for each question.
    if not np.isfinite(total):
        return _partly_finite(one, other)
    return Difference(
        largest=largest,
        mean=total / max(left.size, 1),
        power=power,
        where=_index(place, one.shape) if one.size else (),
        compared=left.size,
        unequal=None,
    )


def _partly_finite(one: Array, other: Array) -> Difference:
    finite = np.isfinite(one) & np.isfinite(other)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    left, right = one[finite].astype(np.float64), other[finite].astype(np.float64)
    distances = np.zeros(one.shape)
    distances[finite] = np.abs(left - right)
    compared = int(finite.sum())
    return Difference(
        largest=float(distances.max()),
        mean=float(distances.sum() / max(compared, 1)),
        power=dot(distances.reshape(-1), distances.reshape(-1)),
        where=_index(int(distances.argmax()), one.shape),
        compared=compared,
        unequal=_first(~finite & ~same),
    )


def largest_difference(one: Array, other: Array) -> float:
    """Return ``difference(one, other).largest``, rounded to the arrays' type, but faster.

    Raises:
        ValueError: the shapes differ.
    """
    found = _largest_if_finite(one, other)
    return difference(one, other).largest if found is None else found


def distance(one: Array, other: Array) -> float:
    """Return ``largest_difference``; infinite where there is none.

    That is where the shapes differ, or an element is NaN or infinite on one side only.
    """
    if one.shape != other.shape:
        return math.inf
    found = _largest_if_finite(one, other)
    if found is not None:
        return found
    slowly = difference(one, other)
    return math.inf if slowly.unequal is not None else slowly.largest


def _largest_if_finite(one: Array, other: Array) -> float | None:
    _check_shapes(one, other)
    same = one.dtype == other.dtype and one.dtype.kind == "f"
    left, right = one.reshape(-1), other.reshape(-1)
    dtype = one.dtype if same else np.float64
    largest = 0.0
    for start in range(0, left.size, PART):
        part = slice(start, start + PART)
        with np.errstate(invalid="ignore", over="ignore"):
            distances = np.subtract(left[part], right[part], dtype=dtype)
        found = max(float(distances.max()), -float(distances.min()))
        if not math.isfinite(found):
            return None
        largest = max(largest, found)
    return largest


def _check_shapes(one: Array, other: Array) -> None:
    if one.shape != other.shape:
        raise ValueError(f"shapes {one.shape} and {other.shape} differ")


def dot(one: Array, other: Array) -> float:
    """Return the inner product of two vectors, on one thread, unlike ``@``."""
    return float(np.einsum("i,i", one, other))


def _index(place: int, shape: tuple[int, ...]) -> Index:
    return tuple(int(axis) for axis in np.unravel_index(place, shape))


def _first(marked: Array) -> Index | None:
    """Return the index of the first element that is true; None where none is."""
    found = np.argwhere(marked)
    return tuple(int(axis) for axis in found[0]) if len(found) else None


def magnitude(array: Array) -> float:
    """Return the largest absolute finite value, 0 where there is none."""
    if not array.size:
        return 0.0
    largest = max(float(array.max()), -float(array.min()))
    if math.isfinite(largest):
        return largest
    finite = array[np.isfinite(array)]
    return magnitude(finite) if finite.size else 0.0


def ulp(size: float, dtype: str = "float32") -> float:
    """Return the distance from ``size``, which is not negative, to the next larger number.

    Args:
        size: a number beyond float32 counts as its largest one.
        dtype: a key of ``SPACINGS``.
    """
    digits, smallest = SPACINGS[dtype]
    exponent = math.frexp(min(size, LARGEST))[1] - digits
    return 2.0 ** max(exponent, smallest) if size else 2.0**smallest


def ulps(array: Array, dtype: str) -> Array:
    """Return ``ulp`` of the absolute value of each number of a float32 array."""
    digits, smallest = SPACINGS[dtype]
    exponents = np.maximum(np.frexp(array)[1] - digits, smallest)
    exponents[array == 0] = smallest
    spacings: Array = np.ldexp(np.float32(1), exponents)
    return spacings


def share(error: float, whole: float) -> float:
    """Return ``error / whole`` of numbers that are not negative; never NaN.

    It is 0 for no error, and infinite for an infinite one, or for one where ``whole`` is 0.
    """
    if error == 0:
        return 0.0
    return error / whole if whole and math.isfinite(error) else math.inf
