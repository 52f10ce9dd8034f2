"""Histograms and a heat map of a comparison, small enough to keep for every layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array

BINS = 40
"""Bars of a histogram."""

CELLS = 48
"""The most cells of a heat map along one side."""


NARROW = 1e-6
"""A range below this, relative to the magnitude, is widened: all values are then one bar."""


@dataclass(frozen=True)
class Side:
    """The histogram of one side.

    Attributes:
        bars: how many values fall into each of ``BINS`` equal parts of the axis.
        nan: how many are NaN.
        infinite: how many are infinite.
    """

    bars: tuple[int, ...]
    nan: int
    infinite: int


@dataclass(frozen=True)
class Picture:
    """The histograms of both sides, and a map of their difference.

    Attributes:
        low: lower end of the axis that both histograms share.
        high: its upper end.
        expected: the reference's values.
        found: the module's.
        heat: for images, C x H x W, the largest error over all channels, for each pixel or
            each of at most ``CELLS`` x ``CELLS`` equal parts; infinite where one side alone
            is NaN or infinite. Empty for all others.
    """

    low: float
    high: float
    expected: Side
    found: Side
    heat: tuple[tuple[float, ...], ...]


def draw(expected: Array, found: Array, *, image: bool) -> Picture:
    """Draw two values of one shape, batch of one; ``image`` if they are images."""
    sides = [s[np.isfinite(s)].astype(np.float64) for s in (expected, found)]
    values = np.concatenate([*sides, np.zeros(int(not any(s.size for s in sides)))])
    low, high = float(values.min()), float(values.max())
    size = NARROW * max(abs(low), abs(high))
    if high - low <= size:
        margin = max(0.5, size)
        low, high = low - margin, high + margin
    first, second = (
        Side(
            _bars(finite, low, high),
            int(np.isnan(side).sum()),
            int(np.isinf(side).sum()),
        )
        for finite, side in zip(sides, (expected, found), strict=True)
    )
    heat = _heat(expected, found) if image else np.zeros((0, 0))
    rows = tuple(tuple(float(f"{cell:.3g}") for cell in row) for row in heat)
    return Picture(low, high, first, second, rows)


def _bars(values: Array, low: float, high: float) -> tuple[int, ...]:
    """Count the values in each of ``BINS`` equal parts of an axis."""
    # Not numpy.histogram: it refuses ranges too narrow for its bin edges. Halves are taken
    # first, because the length of the axis may be beyond the largest number.
    parts = (values / 2 - low / 2) / (high / 2 - low / 2) * BINS
    places = parts.astype(int).clip(0, BINS - 1)
    return tuple(np.bincount(places, minlength=BINS).tolist())


def _heat(expected: Array, found: Array) -> Array:
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(np.subtract(found, expected, dtype=np.float64))
    error = np.where(same, 0, np.where(np.isfinite(error), error, np.inf))
    heat: Array = error[0].max(axis=0)
    for axis in (0, 1):
        size = heat.shape[axis]
        starts = np.unique(np.arange(min(size, CELLS)) * size // min(size, CELLS))
        heat = np.maximum.reduceat(heat, starts, axis=axis)
    return heat
