"""What a comparison of one value looks like: small enough to keep for every layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parity.wire import Array

BINS = 40
"""Bars of a histogram."""

CELLS = 48
"""The most cells of a heat map along one side."""


NARROW = 1e-6
"""Values that differ by less, relative to their magnitude, are drawn as one bar."""


@dataclass(frozen=True)
class Picture:
    """How the values of both sides are spread, and where they differ.

    Attributes:
        low: lower end of the axis that both histograms share.
        high: its upper end.
        expected: how many of the reference's values fall into each of ``BINS`` equal parts.
        found: how many of the module's.
        heat: for images, C x H x W, the largest error over all channels, for each pixel or
            for each of at most ``CELLS`` x ``CELLS`` equal parts; infinite where a
            difference cannot be told. Empty for all others.
    """

    low: float
    high: float
    expected: tuple[int, ...]
    found: tuple[int, ...]
    heat: tuple[tuple[float, ...], ...]


def draw(expected: Array, found: Array, *, image: bool) -> Picture:
    """Draw two values of one shape, batch of one; ``image`` says that they are images."""
    sides = [s[np.isfinite(s)].astype(np.float64) for s in (expected, found)]
    values = np.concatenate([*sides, np.zeros(int(not any(s.size for s in sides)))])
    low, high = float(values.min()), float(values.max())
    if high - low <= NARROW * max(abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    counts = [np.histogram(side, BINS, (low, high))[0].tolist() for side in sides]
    heat = _heat(expected, found) if image else np.zeros((0, 0))
    rows = tuple(tuple(float(f"{cell:.3g}") for cell in row) for row in heat)
    return Picture(low, high, tuple(counts[0]), tuple(counts[1]), rows)


def _heat(expected: Array, found: Array) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(np.subtract(found, expected, dtype=np.float64))[0].max(axis=0)
    error = np.where(np.isfinite(error), error, np.inf)
    for axis in (0, 1):
        size = error.shape[axis]
        starts = np.unique(np.arange(min(size, CELLS)) * size // min(size, CELLS))
        error = np.maximum.reduceat(error, starts, axis=axis)
    heat: Array = error
    return heat
