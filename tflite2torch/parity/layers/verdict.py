"""The limit of an error, and the verdict on one value and one input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tflite2torch.parity.distances import SPACINGS, share, ulp
from tflite2torch.parity.layers.measures import Measures

FLOOR_FACTOR = 2.0
"""The limit in noise floors: one for the rounding of either side. A floor is how far rounding alone
moves TFLite; the module rounds elsewhere, independently, and as much."""

ULPS = 4.0
"""The least limit, in ulps of the magnitude: a floor is measured on a few draws, and may come out
as zero."""


def limit_of(magnitude: float, floor: float, dtype: str) -> float:
    """Return the largest error that passes.

    Args:
        magnitude: largest absolute value of the tensor.
        floor: its noise floor.
        dtype: the type of its numbers; whole numbers have no ulps.
    """
    rounding = ULPS * ulp(magnitude, dtype) if dtype in SPACINGS else 0.0
    return max(FLOOR_FACTOR * floor, rounding)


@dataclass(frozen=True)
class Forced:
    """The teacher-forced comparison of a layer on one input.

    Attributes:
        sample: the input, and its place in a batch.
        together: the samples of its batch, by number.
        error: largest distance from the reference kernels when the layer gets their values.
        limit: the largest error that passes.
    """

    sample: str
    together: tuple[int, ...]
    error: float
    limit: float

    @property
    def severity(self) -> float:
        """The error as a share of the limit."""
        return share(self.error, self.limit)

    def failures(self) -> Iterator[str]:
        """Yield why it fails, a line each."""
        # ``not <=``, for a NaN has to fail.
        if not self.error <= self.limit:
            yield (
                f"{self.sample}: error {self.error:.3g} on TFLite's own inputs is "
                f"above {self.limit:.3g}"
            )


@dataclass(frozen=True)
class Isolated:
    """A layer run by itself on random numbers, beside that of the file's module in float64.

    Attributes:
        error: the distance that is the largest share of its channel's limit; infinite for NaN.
        limit: the largest that passes there: see ``parity.layers.isolated.ROUNDING``.
        where: index of that distance, without the batch.
    """

    error: float
    limit: float
    where: tuple[int, ...]

    @property
    def severity(self) -> float:
        """The error as a share of the limit."""
        return share(self.error, self.limit)

    def failures(self) -> Iterator[str]:
        """Yield why it fails, a line each."""
        if not self.error <= self.limit:
            yield (
                f"run by itself on random numbers: error {self.error:.3g} at {list(self.where)} "
                f"is above {self.limit:.3g} (rounding)"
            )


@dataclass(frozen=True)
class Finding:
    """The comparison of one value on one input, and its limit there.

    Limits are per input because floors are: TFLite may agree with itself exactly on zeros, and
    not on an image.

    Attributes:
        sample: the input's name, without its place in a batch.
        measures: how the value compares.
        floor: its noise floor on the input.
        limit: the largest error that passes.
        forced_limit: the largest error that passes teacher-forced. It is ``limit`` but behind
            an argmax whose places differ from TFLite's.
        draws: how many nudged runs the floor is of, where the error passes only because more
            than the first ones were made; 0 elsewhere.
    """

    sample: str
    measures: Measures
    floor: float
    limit: float
    forced_limit: float
    draws: int = 0

    @property
    def error(self) -> float:
        """Largest free-running distance from the reference kernels."""
        return self.measures.error

    @property
    def severity(self) -> float:
        """The error as a share of the limit."""
        return share(self.error, self.limit)

    @property
    def forced(self) -> Forced | None:
        """The teacher-forced comparison; None where that could not be run."""
        error = self.measures.forced_error
        if error is None:
            return None
        return Forced(self.measures.sample, self.measures.together, error, self.forced_limit)

    def failures(self) -> Iterator[str]:
        """Yield why the value fails free-running, a line each."""
        found = self.measures
        # A problem makes the error infinite; one line is enough for both.
        yield from (f"{found.sample}: {problem}" for problem in found.problems)
        if not found.problems and not found.error <= self.limit:
            yield (
                f"{found.sample}: error {found.error:.3g} at {list(found.where)} is "
                f"above {self.limit:.3g} (noise floor {self.floor:.3g})"
            )
        if not found.moved <= self.limit:
            yield (
                f"{found.sample}: {found.moved:.3g} from what it is when run alone is "
                f"above {self.limit:.3g}"
            )
