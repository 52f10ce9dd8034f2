"""Measures of the difference between a value of a module and TFLite's tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.distances import (
    PART,
    Difference,
    Index,
    difference,
    distance,
    dot,
    magnitude,
)
from tflite2torch.parity.layers.picture import Picture, draw
from tflite2torch.parity.layers.statistics import Statistic, statistics_of

BATCH_TOLERANCE = 1e-5
"""How far an output may move, relative to its magnitude, when other samples are in the batch:
torch adds up in another order for another batch size. Where the limit of an error is more, it may
move by that: near zero a sigmoid's relative error is its logit's absolute one."""


@dataclass(frozen=True)
class Exact:
    """How far both sides are from the exact answer, which is the module in float64.

    Attributes:
        module: largest distance of the module; None where there is no exact answer.
        reference: largest distance of the reference kernels; None likewise.
    """

    module: float | None
    reference: float | None


@dataclass(frozen=True)
class Measures:
    """The comparison of one value on one input. Distances are absolute.

    Attributes:
        sample: the input, and its place in a batch.
        together: the samples that ran in one batch, by number, in the batch's order.
        compared: how many elements are finite on both sides.
        unfinite: how many are NaN or infinite on both sides.
        error: largest free-running distance from the reference kernels; infinite where
            there is a problem.
        mean_error: mean distance.
        where: index of the largest one, in the module's order of axes, without the batch.
        forced_error: largest teacher-forced distance; None where that could not be run.
        exact: how far both sides are from the exact answer.
        magnitude: largest absolute value of the reference.
        cosine: of the angle between both, 1 where both are all zeros.
        snr: 10 log10 of the reference's power over that of the error, in decibel;
            infinite where there is no error.
        problems: what fails whatever the limit is: another shape or type, or a number that
            is NaN or infinite on one side only.
        picture: histograms and heat map, where they were asked for.
        moved: largest distance from what the module gives for the sample alone; 0 in a
            batch of one and within ``BATCH_TOLERANCE``, infinite if shapes differ, or
            an element is NaN or infinite on one side only.
        xnnpack_error: largest distance from XNNPACK; None where its answer is not kept.
        equal: the share of equal elements, of places of maxima; None for all others.
        statistics: those that limits were given for.
    """

    sample: str
    together: tuple[int, ...]
    compared: int
    unfinite: int
    error: float
    mean_error: float
    where: Index
    forced_error: float | None
    exact: Exact
    magnitude: float
    cosine: float
    snr: float
    problems: tuple[str, ...]
    picture: Picture | None
    moved: float
    xnnpack_error: float | None
    equal: float | None
    statistics: tuple[Statistic, ...] = ()

    @property
    def needed(self) -> float:
        """The smallest limit at which it passes; infinite if it fails at any limit."""
        return max(self.free_error, self.forced_error or 0)

    @property
    def free_error(self) -> float:
        """The larger of the distances that count when the module runs freely."""
        return max(self.error, self.moved)


def measure(
    sample: str,
    expected: Array,
    free: Array | None,
    forced: Array | None = None,
    exact: Array | None = None,
    *,
    together: tuple[int, ...] = (),
    alone: Array | None = None,
    xnnpack: Array | None = None,
    dtypes: tuple[str, str] | None = None,
    whole: bool = False,
    pictured: bool = False,
    image: bool = False,
    places: bool = False,
    limits: Mapping[str, float] | None = None,
) -> Measures:
    """Measure how a value differs from the reference's.

    All arrays are in the module's order of axes, batch of one.

    Args:
        sample: what to call the input.
        expected: the answer of the reference kernels.
        free: the value when the module runs freely; None where there is none.
        forced: the value when the operation gets the reference's own operands.
        exact: the value in float64.
        together: the samples of its batch, by number.
        alone: the value when the sample runs alone, of a sample in a batch.
        xnnpack: the answer of XNNPACK.
        dtypes: the value's type and the one that it should have, where an array was widened
            from a type that numpy lacks; by default those of the arrays.
        whole: whether ``free`` is all that the module gave, for that is no batch of samples.
        pictured: whether to draw both sides.
        image: whether the values are images, C x H x W.
        places: whether the values are places of maxima.
        limits: those that were given for the value, by statistic.
    """
    size, moved = magnitude(expected), _distance(free, alone) or 0.0
    # Where shapes differ, no distance is defined: the error is infinite, so that it fails
    # whatever the limit, and ``problems`` has the reason.
    fits = free is not None and free.shape == expected.shape
    found = difference(free, expected) if fits and free is not None else None
    if dtypes is None and free is not None:
        dtypes = (free.dtype.name, expected.dtype.name)
    problems = tuple(_problems(free, expected, found, dtypes or ("", ""), whole))
    cosine, snr = (0.0, 0.0)
    if found is not None and free is not None:
        cosine, snr = _alike(free, expected, found)
    picture = None
    if pictured and fits and free is not None:
        picture = draw(expected, free, image=image)
    return Measures(
        sample=sample,
        together=together,
        compared=0 if found is None else found.compared,
        unfinite=_unfinite(free, expected, found),
        error=math.inf if problems or found is None else found.largest,
        mean_error=math.inf if problems or found is None else found.mean,
        # The first element that is NaN or infinite on one side only is worse than any error.
        where=() if found is None else (found.unequal or found.where)[1:],
        forced_error=_distance(forced, expected),
        exact=Exact(_distance(free, exact), _distance(expected, exact)),
        magnitude=size,
        cosine=cosine,
        snr=snr,
        problems=problems,
        picture=picture,
        moved=moved if moved > BATCH_TOLERANCE * size else 0.0,
        xnnpack_error=_distance(free, xnnpack),
        equal=float(np.mean(free == expected)) if places and fits else None,
        statistics=statistics_of(expected, free, limits or {}),
    )


def _unfinite(free: Array | None, expected: Array, found: Difference | None) -> int:
    """Count the elements that are NaN or infinite on both sides."""
    if free is None or found is None or found.compared == expected.size:
        return 0
    return int((~np.isfinite(free) & ~np.isfinite(expected)).sum())


def _problems(
    free: Array | None,
    expected: Array,
    found: Difference | None,
    dtypes: tuple[str, str],
    whole: bool,
) -> Iterator[str]:
    if free is None:
        yield "it gives no tensor"
        return
    if dtypes[0] != dtypes[1]:
        yield f"{dtypes[0]} values, not {dtypes[1]}"
    if found is None:
        sizes = ", ".join(map(str, ["N"] * whole + [*expected.shape[1:]]))
        batch = " for a batch of N samples" if whole else ""
        yield f"shape {list(free.shape[1:])}, not [{sizes}]{batch}"
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
    # 2ab = a² + b² - (a - b)²: the power of the difference has been computed already, so that
    # the product needs no further pass over both arrays.
    cosine = (signal + own - noise) / 2 / product if product else float(signal == own)
    if noise == 0:
        return cosine, math.inf
    return cosine, 10 * math.log10(signal / noise) if signal else -math.inf


def _power(array: Array) -> float:
    """Return the sum of the squares."""
    # Part by part, so that no float64 copy of the whole array is made.
    flat, power = array.reshape(-1), 0.0
    for start in range(0, flat.size, PART):
        part = flat[start : start + PART].astype(np.float64)
        power += dot(part, part)
    return power
