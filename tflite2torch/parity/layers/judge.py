"""Judges the values of one sample: their errors beside TFLite's noise."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.align.lockstep import Step
from tflite2torch.parity.distances import distance
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.layers.batches import array_of, sample_of
from tflite2torch.parity.layers.measures import Measures
from tflite2torch.parity.layers.rows import row_name
from tflite2torch.parity.layers.statistics import limits_for
from tflite2torch.parity.layers.verdict import (
    FLOOR_FACTOR,
    ROUNDING_FACTOR,
    Finding,
    Forced,
    Judged,
    Parts,
    limit_of,
)
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.noise import Noise

Both = tuple[Parts | None, Parts | None]
"""The parts of a free-running and of a teacher-forced error; None where they are not known."""


class Judge:
    """Judges the values of one sample in one batch.

    Args:
        sample: the input's name, without its place in a batch.
        found: how each value compares, by the name of its row.
        noise: TFLite's answers and floors.
        ports: how each value lines up with its tensor, by the name of its row.
        options: of the comparison.
        behind: tensors that lie behind an argmax.
        moved: whether the module has found a maximum at another place than TFLite.
        exact: whether the module has run in float64 beside this run.
    """

    def __init__(
        self,
        sample: str,
        found: Mapping[str, Measures],
        noise: Noise,
        ports: Mapping[str, Port],
        options: Options,
        behind: Collection[int],
        moved: bool,
        exact: bool,
    ) -> None:
        self._sample = sample
        self._found = found
        self.noise = noise
        self._ports = ports
        self._options = options
        self._behind = behind
        self._moved = moved
        self._parts: dict[str, Both] = {
            name: (_of_exact(measures) if exact else None, None) for name, measures in found.items()
        }

    @property
    def open(self) -> list[str]:
        """The names of values that fail by what is known so far, and may pass a closer look."""
        return [
            name
            for name, measures in self._found.items()
            if self._given(name) is None
            and not measures.problems
            and any(judged and judged.wrong for judged in self._judged(name))
        ]

    def settle(self, name: str, free: Parts | None, forced: Parts | None) -> None:
        """Take the parts of a value's errors."""
        self._parts[name] = free, forced

    def findings(self) -> Iterator[tuple[str, Finding]]:
        """Yield the finding on each value, by the name of its row.

        Raises:
            ReferenceFailedError: the reference fails.
        """
        low = self._look_deeper()
        for name, measures in self._found.items():
            free, forced = self._judged(name)
            floor = self._floors(name)[0][self._ports[name].tensor]
            teacher = None if forced is None else Forced(measures.sample, measures.together, forced)
            draws = self.noise.draws if name in low else 0
            yield name, Finding(self._sample, measures, floor, free, teacher, draws)

    def _look_deeper(self) -> set[str]:
        """Raise the floors where an error fails; return the names of the values that do."""
        # A floor is a maximum over random draws, and too low after few of them. So before an
        # error fails, more draws are made, until the floor reaches the height at which the
        # error passes: the limit is FLOOR_FACTOR floors, hence the division. Draws that could
        # not change the verdict are not made, for each is a run of the whole model.
        low: set[str] = set()
        wanted: dict[int, float] = {}
        steady: dict[int, float] = {}
        for name, measures in self._found.items():
            tensor = self._ports[name].tensor
            needed = [_needed(x) for x in self._judged(name) if x is not None]
            needed[0] = max(needed[0], measures.moved)
            for height, floor in zip(needed, self._floors(name), strict=False):
                if height > self._limit(name, measures, floor[tensor]):
                    heights = steady if floor is self.noise.steady else wanted
                    heights[tensor] = max(heights.get(tensor, 0.0), height / FLOOR_FACTOR)
                    low.add(name)
        self.noise.look_deeper(wanted, steady)
        return low

    def _judged(self, name: str) -> tuple[Judged, Judged | None]:
        """Return the free-running and the teacher-forced error beside their limits."""
        measures, tensor = self._found[name], self._ports[name].tensor
        limits = [self._limit(name, measures, floor[tensor]) for floor in self._floors(name)]
        # A limit that was given is one for the error as it is.
        free, forced = self._parts[name] if self._given(name) is None else (None, None)
        teacher = measures.forced_error
        return (
            Judged(measures.error, limits[0], free),
            None if teacher is None else Judged(teacher, limits[1], forced),
        )

    def _floors(self, name: str) -> list[Mapping[int, float]]:
        """Return which noise floors hold for a value running freely, and teacher-forced."""
        noise, tensor = self.noise, self._ports[name].tensor
        if tensor not in self._behind or tensor not in noise.steady:
            return [noise.floor, noise.floor]
        return [noise.floor if self._moved else noise.steady, noise.steady]

    def _given(self, name: str) -> float | None:
        """Return the limit that was given for a value; infinite if only statistics have one."""
        limits = limits_for(self._options.tolerances, (self._ports[name].name, name))
        return limits.get("", math.inf if limits else None)

    def _limit(self, name: str, measures: Measures, floor: float) -> float:
        given, dtype = self._given(name), self._ports[name].dtype
        own = self._options.dtype if dtype == "float32" else dtype
        return limit_of(measures.magnitude, floor, own) if given is None else given


def _needed(judged: Judged) -> float:
    """Return the smallest limit at which an error passes."""
    parts = judged.parts
    if parts is None or judged.error <= judged.limit:
        return judged.error
    rounding = parts.rounding / ROUNDING_FACTOR if parts.rounding > parts.theirs else 0.0
    return min(judged.error, max(parts.structure, rounding))


def _of_exact(measures: Measures) -> Parts | None:
    """Return the parts of an error by the float64 run alone."""
    module, reference = measures.exact.module, measures.exact.reference
    if module is None or reference is None:
        return None
    return Parts(reference, module, reference)


def look_again(
    runs: Iterable[tuple[Step, Step, Step]],
    ports: Mapping[str, Port],
    judges: Sequence[Judge],
) -> None:
    """Measure the parts of errors that are open, and tell their judges.

    Args:
        runs: of the module as it is, in float64, and in TFLite's order of sums.
        ports: how each value lines up with its tensor, by the name of its row.
        judges: of the samples of the batch, in its order.
    """
    size, names = len(judges), [set(judge.open) for judge in judges]
    for steps in runs:
        layer = steps[0].layer
        for place in layer.compared:
            name = row_name(layer, place)
            free = [array_of(step.free, place) for step in steps]
            forced = [array_of(step.forced, place) for step in steps]
            for position, judge in enumerate(judges):
                if name in names[position]:
                    answer = ports[name].to_module(judge.noise.answer[ports[name].tensor])
                    both = (
                        _parts(answer, [sample_of(x, position, size) for x in side])
                        for side in (free, forced)
                    )
                    judge.settle(name, *both)


def _parts(answer: Array, sides: Sequence[Array | None]) -> Parts | None:
    """Return the parts of an error.

    Args:
        answer: TFLite's, in the module's order of axes.
        sides: the module's, in float64, and in TFLite's order of sums.
    """
    module, exact, ordered = sides
    if module is None or exact is None or ordered is None:
        return None
    theirs = distance(answer, exact)
    return Parts(min(theirs, distance(answer, ordered)), distance(module, exact), theirs)
