"""How what an operation gives compares with the tensor that it stands for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tflite2torch.parity.distances import (
    PART,
    SPACINGS,
    Difference,
    Index,
    difference,
    distance,
    dot,
    magnitude,
    ulp,
)
from tflite2torch.parity.judge import FLOOR_FACTOR, ULPS
from tflite2torch.parity.layers.picture import Picture, draw
from tflite2torch.parity.reference.wire import Array


@dataclass(frozen=True)
class Measures:
    """How one value compares on one sample. Distances are absolute.

    Attributes:
        sample: the input, and its place in a batch.
        compared: how many elements are finite on both sides.
        error: largest distance from the reference kernels; infinite where there is a
            problem.
        mean_error: mean distance.
        where: index of the largest one, in the module's order of axes, sample axis included.
        forced_error: largest distance when the operation gets the reference's own inputs;
            None where that could not be run.
        from_exact: largest distance from the module in float64; None without such.
        reference_from_exact: the same of the reference kernels.
        magnitude: largest absolute value of the reference.
        cosine: of the angle between both, 1 where both are all zeros.
        snr: 10 log10 of the reference's power over that of the error, in decibel;
            infinite where there is no error.
        problems: what alone makes it a failure, whatever is tolerated.
        picture: what both sides look like, where that was asked for.
    """

    sample: str
    compared: int
    error: float
    mean_error: float
    where: Index
    forced_error: float | None
    from_exact: float | None
    reference_from_exact: float | None
    magnitude: float
    cosine: float
    snr: float
    problems: tuple[str, ...]
    picture: Picture | None

    @property
    def needed(self) -> float:
        """The smallest tolerance at which it passes; infinite where none helps."""
        return max(self.error, self.forced_error or 0)


def measure(
    sample: str,
    expected: Array,
    free: Array | None,
    forced: Array | None,
    exact: Array | None,
    *,
    dtypes: tuple[str, str] | None = None,
    pictured: bool = False,
    image: bool = False,
) -> Measures:
    """Compare an operation's value with the reference's.

    Args:
        sample: what to call the input.
        expected: the reference's value, in the module's order of axes, batch of one.
        free: what the operation gave; None where it gave nothing.
        forced: what it gave for the reference's own inputs.
        exact: what it gave in float64.
        dtypes: the type of what it gave, and that which it should be; by default those of
            the arrays. One may be widened from a narrower type.
        pictured: whether to draw both sides.
        image: whether the values are images, C x H x W.
    """
    size = magnitude(expected)
    fits = free is not None and free.shape == expected.shape
    found = difference(free, expected) if fits and free is not None else None
    if dtypes is None and free is not None:
        dtypes = (free.dtype.name, expected.dtype.name)
    problems = tuple(_problems(free, expected, found, dtypes or ("", "")))
    cosine, snr = (0.0, 0.0)
    if found is not None and free is not None:
        cosine, snr = _alike(free, expected, found)
    picture = None
    if pictured and fits and free is not None:
        picture = draw(expected, free, image=image)
    return Measures(
        sample=sample,
        compared=0 if found is None else found.compared,
        error=math.inf if problems or found is None else found.largest,
        mean_error=math.inf if problems or found is None else found.mean,
        where=() if found is None else (found.unequal or found.where)[1:],
        forced_error=_distance(forced, expected),
        from_exact=_distance(free, exact),
        reference_from_exact=_distance(expected, exact),
        magnitude=size,
        cosine=cosine,
        snr=snr,
        problems=problems,
        picture=picture,
    )


def tolerance(size: float, floor: float, dtype: str) -> float:
    """Return the largest error that passes.

    Args:
        size: the tensor's magnitude.
        floor: its noise floor.
        dtype: the type of its numbers; those that are not floating have no rounding.
    """
    rounding = ULPS * ulp(size, dtype) if dtype in SPACINGS else 0.0
    return max(FLOOR_FACTOR * floor, rounding)


def _problems(
    free: Array | None,
    expected: Array,
    found: Difference | None,
    dtypes: tuple[str, str],
) -> Iterator[str]:
    if free is None:
        yield "it gives no tensor"
        return
    if dtypes[0] != dtypes[1]:
        yield f"{dtypes[0]} values, not {dtypes[1]}"
    if found is None:
        yield f"shape {list(free.shape[1:])}, not {list(expected.shape[1:])}"
        return
    if found.unequal is not None:
        value, wanted = free[found.unequal], expected[found.unequal]
        yield f"{value}, not {wanted}, at {list(found.unequal[1:])}"


def _distance(one: Array | None, other: Array | None) -> float | None:
    """Return the largest distance; None where one is missing."""
    return None if one is None or other is None else distance(one, other)


def _alike(one: Array, other: Array, found: Difference) -> tuple[float, float]:
    """Return cosine and signal-to-noise ratio over what is finite on both sides."""
    if found.unequal is not None or found.compared < one.size:
        finite = np.isfinite(one) & np.isfinite(other)
        one, other = one[finite], other[finite]
    signal, own, noise = _power(other), _power(one), found.power
    product = math.sqrt(signal) * math.sqrt(own)
    cosine = (signal + own - noise) / 2 / product if product else float(signal == own)
    if noise == 0:
        return cosine, math.inf
    return cosine, 10 * math.log10(signal / noise) if signal else -math.inf


def _power(array: Array) -> float:
    """Return the sum of the squares."""
    flat, power = array.reshape(-1), 0.0
    for start in range(0, flat.size, PART):
        part = flat[start : start + PART].astype(np.float64)
        power += dot(part, part)
    return power
