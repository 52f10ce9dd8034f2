"""Decides whether an output is what TFLite gives.

It is where its error against the reference kernels is at most ``FLOOR_FACTOR`` times
TFLite's own noise floor on that very input, or ``ULPS`` float32 ulps of the output's
magnitude where that is more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tflite2torch.parity.distances import difference, distance, magnitude, share, ulp
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.reference.noise import Noise
from tflite2torch.parity.reference.wire import Array
from tflite2torch.parity.report import OutputReport

FLOOR_FACTOR = 2.0
"""An error may be this many times the noise floor: one floor for either side's rounding."""

ULPS = 4.0
"""An error may be this many float32 ulps of the magnitude where that is more: a floor is
measured on a few draws, and may come out as zero."""

BATCH_TOLERANCE = 1e-5
"""How far a result may move, relative to its magnitude, when other samples stand beside
it: sums over another layout are taken in another order. It may move as far as an error may
go where that is more: near zero a sigmoid's relative error is its logit's absolute one."""

MAX_FAILURES = 5
"""How many reasons a report gives for one output, the worst first."""


class Target:
    """What an output should be on one sample.

    Attributes:
        expected: what the reference kernels give, in the module's axis order, batch of one.
        xnnpack: what XNNPACK gives.
    """

    def __init__(self, port: Port, noise: Noise) -> None:
        self.expected = port.to_module(noise.answers["reference"][port.tensor])
        self.xnnpack = port.to_module(noise.answers["xnnpack"][port.tensor])
        self._tensor = port.tensor
        self._noise = noise

    @property
    def floor(self) -> float:
        """TFLite's noise floor, as far as it is known by now."""
        return self._noise.floor[self._tensor]

    @property
    def limit(self) -> float:
        """The largest error that passes."""
        return max(FLOOR_FACTOR * self.floor, self._rounding)

    def allows(self, error: float) -> bool:
        """Return whether an error passes.

        Before it is called too large for the floor, that is looked into, also where the
        rounding of the output allows for it: reports show both.
        """
        return (
            self._noise.reaches(self._tensor, error / FLOOR_FACTOR)
            or error <= self._rounding
        )

    @cached_property
    def _rounding(self) -> float:
        """What the rounding of the output itself allows for; whole numbers have none."""
        is_float = self.expected.dtype.kind == "f"
        return ULPS * ulp(magnitude(self.expected)) if is_float else 0.0


@dataclass(frozen=True)
class Verdict:
    """How one output compares on one sample.

    Attributes:
        where: the sample, and its place in a batch.
        target: what the output should be.
        error: largest absolute difference from the reference kernels; infinite where a
            difference cannot be told.
        error_xnnpack: the same from XNNPACK.
        failures: why it is not what TFLite gives, a line each.
    """

    where: str
    target: Target
    error: float
    error_xnnpack: float
    failures: tuple[str, ...]

    @property
    def severity(self) -> float:
        """How far the error goes of what is allowed, where 1 is all of it."""
        return share(self.error, self.target.limit)


def judge_batch(
    answer: Array,
    places: Sequence[str],
    targets: Sequence[Target],
    alone: Sequence[Array],
) -> Iterator[Verdict]:
    """Yield a verdict for each sample of a batch.

    Args:
        answer: one output of the module, batch axis first.
        places: how to call each sample.
        targets: what the output should be on each.
        alone: what the module gave for each sample alone; nothing when this is that run.
    """
    for index, (where, target) in enumerate(zip(places, targets, strict=True)):
        shape = (len(targets), *target.expected.shape[1:])
        if answer.shape != shape:
            reason = f"{where}: shape {list(answer.shape)}, not {list(shape)}"
            yield Verdict(where, target, math.inf, math.inf, (reason,))
            continue
        sample = answer[index : index + 1]
        reasons = list(_disagreements(sample, target))
        if alone:
            reasons += _movements(sample, alone[index], target)
        yield Verdict(
            where,
            target,
            distance(sample, target.expected),
            distance(sample, target.xnnpack),
            tuple(f"{where}: {reason}" for reason in reasons),
        )


def _disagreements(sample: Array, target: Target) -> Iterator[str]:
    expected = target.expected
    if sample.dtype != expected.dtype:
        yield f"{sample.dtype} values, not {expected.dtype}"
    found = difference(sample, expected)
    if not found.compared:
        yield "nothing to compare, no element is finite on both sides"
    if found.unequal is not None:
        value, wanted = sample[found.unequal], expected[found.unequal]
        yield f"{value}, not {wanted}, at {list(found.unequal[1:])}"
    if not target.allows(found.largest):
        yield (
            f"error {found.largest:.3g} at {list(found.where[1:])} is above "
            f"{target.limit:.3g} (noise floor {target.floor:.3g})"
        )


def _movements(sample: Array, alone: Array, target: Target) -> Iterator[str]:
    if sample.shape != alone.shape:
        yield "another shape than alone"
        return
    moved = difference(sample, alone)
    allowed = BATCH_TOLERANCE * magnitude(alone)
    if moved.unequal is not None:
        yield f"{sample[moved.unequal]}, but {alone[moved.unequal]} when run alone"
    if moved.largest > allowed and not target.allows(moved.largest):
        yield (
            f"{moved.largest:.3g} from what it is when run alone, "
            f"above {max(allowed, target.limit):.3g}"
        )


def farthest(samples: Sequence[Array], exact: Sequence[Array]) -> float | None:
    """Return the largest distance over all samples, None where they do not pair up."""
    if not exact or [s.shape for s in samples] != [e.shape for e in exact]:
        return None
    return max(map(distance, samples, exact))


def summarize(
    name: str,
    verdicts: Sequence[Verdict],
    from_exact: float | None,
    reference_from_exact: float | None,
) -> OutputReport:
    """Return what the verdicts on an output come to; there is at least one."""
    ranked = sorted(verdicts, key=lambda verdict: verdict.severity, reverse=True)
    worst = ranked[0]
    failures = [reason for verdict in ranked for reason in verdict.failures]
    rest = len(failures) - MAX_FAILURES
    if rest > 0:
        failures[MAX_FAILURES:] = [f"and {rest} more such differences"]
    return OutputReport(
        name=name,
        worst=worst.where,
        error=worst.error,
        floor=worst.target.floor,
        limit=worst.target.limit,
        error_xnnpack=max(verdict.error_xnnpack for verdict in verdicts),
        from_exact=from_exact,
        reference_from_exact=reference_from_exact,
        failures=tuple(failures),
    )
