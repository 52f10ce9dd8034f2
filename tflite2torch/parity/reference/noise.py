"""The noise floor: how far TFLite is from itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from tflite2torch.parity.distances import largest_difference, ulps
from tflite2torch.parity.reference.interpreter import Kernels, Reference
from tflite2torch.parity.reference.wire import Array

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

    All kernel sets run at once, and their answers arrive tensor by tensor: of those that
    are not kept, one tensor at a time is held here.

    Args:
        references: a reference for each kernel set.
        inputs: in TFLite's order and shape.
        generator: decides how inputs are nudged.
        keep: the kernel sets whose answers are kept, ``reference`` in any case.
        dtype: the type whose ulps inputs are nudged by: that in which the module computes.

    Attributes:
        answers: for each of these, its tensors by TFLite index.
        floor: for each tensor, the largest difference among the kernel sets, and between
            the reference kernels on the input and on the same input nudged by one ulp;
            where the model takes sums, also between them and a nudged run that adds up in
            another order. Elements that are NaN or infinite on either side do not raise
            it: it would hide what it should show.

    Raises:
        ReferenceFailedError: where a reference fails.
    """

    def __init__(
        self,
        references: Mapping[Kernels, Reference],
        inputs: Sequence[Array],
        generator: np.random.Generator,
        keep: Sequence[Kernels] = ("reference",),
        dtype: str = "float32",
    ) -> None:
        self._dtype = dtype
        drawn: Sequence[Kernels] = ("resummed", "reference")
        self._drawn = [references[k] for k in drawn if k in references]
        self._inputs = inputs
        self._generator = generator
        self._draws = 0
        self.floor: dict[int, float] = {}
        self.answers: dict[Kernels, dict[int, Array]] = {
            kernels: {} for kernels in references if kernels in {"reference", *keep}
        }
        self._run(references)
        for _ in range(FIRST_DRAWS):
            self._draw()

    @property
    def answer(self) -> dict[int, Array]:
        """What the reference kernels give."""
        return self.answers["reference"]

    def reaches(self, tensor: int, height: float) -> bool:
        """Return whether the tensor's floor is at least ``height``.

        Raises ReferenceFailedError where the reference fails.
        """
        self.look_deeper({tensor: height})
        return self.floor[tensor] >= height

    def look_deeper(self, wanted: Mapping[int, float]) -> None:
        """Draw on until every tensor's floor is as high as wanted, or will hardly be.

        A floor never sinks, so the answer is that of all draws taken at once.

        Args:
            wanted: heights by tensor. One that is ``HOPELESS`` times the floor that was
                found so far is given up.
        """
        while self._draws < MAX_DRAWS and any(
            self.floor[tensor] < height <= HOPELESS * self.floor[tensor]
            for tensor, height in wanted.items()
        ):
            self._draw()

    def _run(self, references: Mapping[Kernels, Reference]) -> None:
        runs = [reference.stream(self._inputs) for reference in references.values()]
        for arrived in zip(*runs, strict=True):
            tensor = arrived[0][0]
            arrays = [array for _, array in arrived]
            pairs = combinations(arrays, 2)
            self.floor[tensor] = max(largest_difference(*pair) for pair in pairs)
            for kernels, array in zip(references, arrays, strict=True):
                if kernels in self.answers:
                    self.answers[kernels][tensor] = array.copy()

    def _draw(self) -> None:
        reference = self._drawn[self._draws % len(self._drawn)]
        self._draws += 1
        nudged = [nudge(array, self._generator, self._dtype) for array in self._inputs]
        for tensor, array in reference.stream(nudged):
            distance = largest_difference(self.answer[tensor], array)
            self.floor[tensor] = max(self.floor[tensor], distance)


def nudge(
    array: Array, generator: np.random.Generator, dtype: str = "float32"
) -> Array:
    """Return ``array`` with every value moved by one ulp, up or down at random.

    Values that are not floating-point numbers stay as they are. Zeros alone are moved by
    one ulp of one: the number next to zero is so small that nothing in a model sees it,
    and the floor would be that of a few numbers which happen to agree.

    Args:
        array: what is nudged; left as it is.
        generator: decides which way each value goes.
        dtype: the type whose ulps are meant, a key of ``parity.measure.SPACINGS``.
    """
    if array.dtype.kind != "f":
        return array
    if not array.any():
        ones = np.ones_like(array)
        zeros: Array = nudge(ones, generator, dtype) - ones
        return zeros
    up = generator.integers(0, 2, array.shape, dtype=np.int8).astype(bool)
    if dtype != "float32":
        step = ulps(array, dtype)
        return np.where(up, array + step, array - step).astype(array.dtype)
    towards = np.where(up, np.inf, -np.inf).astype(array.dtype)
    nudged: Array = np.nextafter(array, towards)
    return nudged
