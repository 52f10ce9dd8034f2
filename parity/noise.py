"""The noise floor: how far TFLite is from itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from parity.measure import difference
from parity.reference import Kernels, Reference
from parity.wire import Array

FIRST_DRAWS = 3
"""How often an input is nudged in any case."""

MAX_DRAWS = 40
"""How often it is nudged before an error is called too large. The floor of an output of one
number is the largest of as many random numbers as there are draws, and easily comes out a
few times too low with three."""

HOPELESS = 5.0
"""How many times too low a floor of few draws may be; beyond that, more do not help."""


class Noise:
    """What the kernel sets answer on one input, and how far apart their answers are.

    Args:
        references: a reference for each kernel set.
        inputs: in TFLite's order and shape.
        generator: decides how inputs are nudged.

    Attributes:
        answers: for each kernel set, its tensors by TFLite index.
        floor: for each tensor, the largest difference among the kernel sets, and between
            the reference kernels on the input and on the same input nudged by one ulp.
            Elements that are NaN or infinite on either side do not raise it: it would
            hide what it should show.

    Raises:
        ReferenceFailedError: where a reference fails.
    """

    def __init__(
        self,
        references: Mapping[Kernels, Reference],
        inputs: Sequence[Array],
        generator: np.random.Generator,
    ) -> None:
        self.answers = {kernels: ref.run(inputs) for kernels, ref in references.items()}
        self.floor = dict.fromkeys(self.answers["reference"], 0.0)
        self._reference = references["reference"]
        self._inputs = inputs
        self._generator = generator
        self._draws = 0
        for one, other in combinations(self.answers.values(), 2):
            self._raise(one, other)
        for _ in range(FIRST_DRAWS):
            self._draw()

    def reaches(self, tensor: int, height: float) -> bool:
        """Return whether the tensor's floor is at least ``height``.

        Draws are taken only until it is. A floor never sinks, so the answer is that of
        all draws taken at once. Raises ReferenceFailedError where the reference fails.
        """
        while (
            self.floor[tensor] < height <= HOPELESS * self.floor[tensor]
            and self._draws < MAX_DRAWS
        ):
            self._draw()
        return self.floor[tensor] >= height

    def _draw(self) -> None:
        self._draws += 1
        nudged = [nudge(array, self._generator) for array in self._inputs]
        self._raise(self.answers["reference"], self._reference.run(nudged))

    def _raise(self, one: Mapping[int, Array], other: Mapping[int, Array]) -> None:
        for tensor, so_far in self.floor.items():
            distance = difference(one[tensor], other[tensor]).largest
            self.floor[tensor] = max(so_far, distance)


def nudge(array: Array, generator: np.random.Generator) -> Array:
    """Return ``array`` with every value moved to the next one, up or down at random.

    Values that are not floating-point numbers stay as they are.
    """
    if array.dtype.kind != "f":
        return array
    up = generator.integers(0, 2, array.shape, dtype=np.int8).astype(bool)
    towards = np.where(up, np.inf, -np.inf).astype(array.dtype)
    nudged: Array = np.nextafter(array, towards)
    return nudged
