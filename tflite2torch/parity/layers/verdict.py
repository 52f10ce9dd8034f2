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
class Parts:
    """What an error consists of, where it is above its limit.

    Attributes:
        structure: distance of the module from the reference kernels when rounding is out of the
            way: computed in float64, or with sums in the order in which those kernels take them
            (``parity.align.in_order``), whichever is nearer. A wrong structure is wrong in both.
        rounding: distance of the module from itself in float64.
        theirs: distance of the reference kernels from that.
    """

    structure: float
    rounding: float
    theirs: float


ROUNDING_FACTOR = 2.0
"""The limit of rounding, in limits of the error. Where the structure is right, the order of sums is
luck: what is to be found is another precision, such as TF32, which is off by thousands."""

STRUCTURE, ROUNDING = "structure", "rounding"
"""The two questions about an error: does the module compute the same, and how does it round?"""


@dataclass(frozen=True)
class Judged:
    """An error beside its limit.

    Attributes:
        error: the largest distance from the reference kernels.
        limit: the largest that passes without further questions.
        parts: what it consists of; None where that was not asked, or there is no telling.
    """

    error: float
    limit: float
    parts: Parts | None = None

    @property
    def wrong(self) -> str:
        """What is wrong: ``STRUCTURE``, ``ROUNDING``, or nothing, which is empty.

        An error above the limit passes if the structure is within it, and the module rounds
        within ``ROUNDING_FACTOR`` limits, or no worse than the reference kernels do.
        """
        # ``not <=``, for a NaN has to fail.
        if self.error <= self.limit:
            return ""
        if self.parts is None or not self.parts.structure <= self.limit:
            return STRUCTURE
        allowed = max(ROUNDING_FACTOR * self.limit, self.parts.theirs)
        return "" if self.parts.rounding <= allowed else ROUNDING

    @property
    def severity(self) -> float:
        """The error as a share of the limit; of one above it, that of its larger part."""
        if self.error <= self.limit or self.parts is None:
            return share(self.error, self.limit)
        return max(
            share(self.parts.structure, self.limit),
            share(self.parts.rounding, max(ROUNDING_FACTOR * self.limit, self.parts.theirs)),
        )

    @property
    def told(self) -> str:
        """What ``wrong`` rests on, for the end of a line."""
        if self.parts is None:
            return ""
        if self.wrong == STRUCTURE:
            return (
                f"; structure: it is {self.parts.structure:.3g} off in float64 and in TFLite's "
                "order of sums too"
            )
        return (
            f"; rounding: it is {self.parts.rounding:.3g} from itself in float64, TFLite "
            f"{self.parts.theirs:.3g}"
        )


@dataclass(frozen=True)
class Forced:
    """The teacher-forced comparison of a layer on one input.

    Attributes:
        sample: the input, and its place in a batch.
        together: the samples of its batch, by number.
        judged: the largest distance from the reference kernels when the layer gets their values.
    """

    sample: str
    together: tuple[int, ...]
    judged: Judged

    @property
    def error(self) -> float:
        """Largest distance from the reference kernels when the layer gets their values."""
        return self.judged.error

    @property
    def limit(self) -> float:
        """The largest error that passes without further questions."""
        return self.judged.limit

    @property
    def severity(self) -> float:
        """The error as a share of the limit."""
        return self.judged.severity

    def failures(self) -> Iterator[str]:
        """Yield why it fails, a line each."""
        if self.judged.wrong:
            yield (
                f"{self.sample}: error {self.error:.3g} on TFLite's own inputs is "
                f"above {self.limit:.3g}{self.judged.told}"
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
        free: the free-running error beside its limit.
        forced: the teacher-forced comparison; None where that could not be run. Its limit is
            that of ``free`` but behind an argmax whose places differ from TFLite's.
        draws: how many nudged runs the floor is of, where the error passes only because more
            than the first ones were made; 0 elsewhere.
    """

    sample: str
    measures: Measures
    floor: float
    free: Judged
    forced: Forced | None = None
    draws: int = 0

    @property
    def error(self) -> float:
        """Largest free-running distance from the reference kernels."""
        return self.free.error

    @property
    def limit(self) -> float:
        """The largest error that passes without further questions."""
        return self.free.limit

    @property
    def severity(self) -> float:
        """The error as a share of the limit, that of a statistic where one was given."""
        given = (statistic.severity for statistic in self.measures.statistics)
        return max(self.free.severity, *given, 0.0)

    def failures(self) -> Iterator[str]:
        """Yield why the value fails free-running, a line each."""
        found = self.measures
        for statistic in found.statistics:
            yield from statistic.failures(found.sample)
        # A problem makes the error infinite; one line is enough for both.
        yield from (f"{found.sample}: {problem}" for problem in found.problems)
        if not found.problems and self.free.wrong:
            yield (
                f"{found.sample}: error {found.error:.3g} at {list(found.where)} is "
                f"above {self.limit:.3g} (noise floor {self.floor:.3g}){self.free.told}"
            )
        if not found.moved <= self.limit:
            yield (
                f"{found.sample}: {found.moved:.3g} from what it is when run alone is "
                f"above {self.limit:.3g}"
            )
