"""Statistics of an error that limits may be given for: ``--tolerance NAME:STATISTIC=VALUE``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.distances import magnitude, share

DECIBELS = ("psnr", "snr")
"""Statistics that are the better the larger they are: 20 log10 of TFLite's largest absolute value,
or of its root mean square, over the root mean square of the error."""

KNOWN = ("mean", "median", *DECIBELS)
"""Statistics besides quantiles, which are written ``p99`` or ``p99.9``."""

QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


@dataclass(frozen=True)
class Statistic:
    """A statistic of the error of a value on an input, for which a limit was given.

    Attributes:
        name: one of ``KNOWN``, or a quantile such as ``p99.9``.
        value: what it is.
        limit: the largest that passes; of ``DECIBELS`` the smallest.
    """

    name: str
    value: float
    limit: float

    @property
    def severity(self) -> float:
        """It as a share of the limit; of decibels, the error's amplitude as a share."""
        if self.name not in DECIBELS:
            return share(self.value, self.limit)
        return 0.0 if self.value == math.inf else float(10 ** ((self.limit - self.value) / 20))

    def failures(self, sample: str) -> Iterator[str]:
        """Yield why the value fails by it, a line."""
        if self.name in DECIBELS:
            if not self.value >= self.limit:
                yield f"{sample}: {self.name} {self.value:.4g} dB is below {self.limit:.4g} dB"
        elif not self.value <= self.limit:
            yield f"{sample}: {self.name} error {self.value:.3g} is above {self.limit:.3g}"


def split_name(text: str) -> tuple[str, str]:
    """Return the name and the statistic of ``NAME:STATISTIC``; no statistic if it is no such text.

    Names may hold colons themselves: ``stage2.0: relu``.
    """
    name, _, statistic = text.rpartition(":")
    known = statistic in KNOWN or QUANTILE.fullmatch(statistic)
    return (name, statistic) if name and known else (text, "")


def limits_for(tolerances: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return the limits that were given for a value: by statistic, that of the largest error as "".

    Args:
        tolerances: limits by ``NAME`` and ``NAME:STATISTIC``.
        names: those of the value, the one that counts last.
    """
    found = {}
    for name in names:
        for text, limit in tolerances.items():
            if split_name(text)[0] == name:
                found[split_name(text)[1]] = limit
    return found


def statistics_of(
    expected: Array, found: Array | None, limits: Mapping[str, float]
) -> tuple[Statistic, ...]:
    """Return statistics of the difference of two arrays, over what is finite in both.

    Args:
        expected: TFLite's answer.
        found: the module's; where it is missing or has another shape, nothing is measured, and
            the value fails by that.
        limits: by statistic; that of the largest error is left out.
    """
    wanted = {name: limit for name, limit in limits.items() if name}
    if not wanted or found is None or found.shape != expected.shape:
        return ()
    finite = np.isfinite(found) & np.isfinite(expected)
    signal, own = (x[finite].astype(np.float64) for x in (expected, found))
    if not signal.size:  # which fails by itself
        return ()
    error = np.abs(own - signal)
    return tuple(Statistic(n, _measured(n, error, signal), x) for n, x in wanted.items())


def _measured(name: str, error: Array, signal: Array) -> float:
    if name == "mean":
        return float(error.mean())
    if name not in DECIBELS:
        quantile = QUANTILE.fullmatch(name)
        return float(np.quantile(error, float(quantile[1]) / 100 if quantile else 0.5))
    noise = math.sqrt(float(np.square(error).mean()))
    size = magnitude(signal) if name == "psnr" else math.sqrt(float(np.square(signal).mean()))
    if not noise:
        return math.inf
    return 20 * math.log10(size / noise) if size else -math.inf
