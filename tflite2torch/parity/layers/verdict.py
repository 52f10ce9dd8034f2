"""What passes: the limit of an error, and the verdict on one value and one input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tflite2torch.parity.distances import SPACINGS, share, ulp
from tflite2torch.parity.layers.measures import Measures

FLOOR_FACTOR = 2.0
"""An error may be this many noise floors: one for the rounding of either side."""

ULPS = 4.0
"""An error may be this many ulps of the magnitude where that is more: a floor is measured on a
few draws, and may come out as zero."""


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
        error: largest distance from the reference kernels when the layer gets their values.
        limit: the largest error that passes.
    """

    sample: str
    error: float
    limit: float

    @property
    def severity(self) -> float:
        """The error as a share of the limit."""
        return share(self.error, self.limit)

    def failures(self) -> Iterator[str]:
        """Say why it fails, a line each."""
        if not self.error <= self.limit:
            yield (
                f"{self.sample}: error {self.error:.3g} on TFLite's own inputs is "
                f"above {self.limit:.3g}"
            )


@dataclass(frozen=True)
class Finding:
    """The comparison of one value on one input.

    Attributes:
        sample: the input's name, without its place in a batch.
        measures: how the value compares.
        floor: its noise floor on the input.
        limit: the largest error that passes.
    """

    sample: str
    measures: Measures
    floor: float
    limit: float

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
        return Forced(self.measures.sample, error, self.limit)

    def failures(self) -> Iterator[str]:
        """Say why the value fails running freely, a line each."""
        found = self.measures
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
