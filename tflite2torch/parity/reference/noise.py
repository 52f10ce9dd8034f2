"""The noise floor: by how much TFLite disagrees with itself on one input.

No fixed tolerance can replace it: floors of official models range from 5e-6 to 1.7.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import combinations
from types import MappingProxyType

import numpy as np

from tflite2torch.parity.distances import largest_difference, ulps
from tflite2torch.parity.reference.interpreter import Kernels, Reference
from tflite2torch.parity.reference.wire import Array

FIRST_DRAWS = 1
"""Nudged runs that are always made; more are made before an error fails."""

MAX_DRAWS = 40
"""Nudged runs that are made before an error is called too large. For an output of a single
number, the floor is a maximum over as many random numbers as there are draws: with one it
easily comes out a few times too low."""

HOPELESS = 10.0
"""A floor is at most this many times too low after the first draws; for an error beyond that,
further draws are not made."""


class Noise:
    """The answers of all kernel sets on one input, and the noise floor of each tensor.

    Args:
        references: a reference for each kernel set.
        inputs: in TFLite's order and shape.
        generator: draws the directions that input values are nudged in.
        outputs: tensors of which XNNPACK's answer is kept besides that of ``reference``.
        dtype: the type that the module computes in; inputs are nudged by an ulp of it.
        places: tensors that hold places of maxima, by TFLite index.
        busy: held while the references run: they answer one thread at a time.

    Attributes:
        answers: for ``reference`` and ``xnnpack``, the tensors that are kept, by TFLite index.
        draws: how many nudged runs were made.
        floor: for each tensor, the largest difference between any two kernel sets, and
            between the reference kernels on the input and on the same input nudged by one
            ulp; where there is a ``resummed`` set, every other nudged run is of that.
        steady: the same over the runs that found all maxima at the same places, for what lies
            behind a tie jumps with any rounding; empty where no run did.

    Raises:
        ReferenceFailedError: where a reference fails.
    """

    def __init__(
        self,
        references: Mapping[Kernels, Reference],
        inputs: Sequence[Array],
        generator: np.random.Generator,
        outputs: Collection[int] = (),
        dtype: str = "float32",
        places: Collection[int] = (),
        busy: AbstractContextManager[object] | None = None,
    ) -> None:
        self._busy = busy or nullcontext()
        self._dtype = dtype
        self._places = places
        drawn: Sequence[Kernels] = ("resummed", "reference")
        self._drawn = [references[k] for k in drawn if k in references]
        self._inputs = inputs
        self._generator = generator
        self.draws = 0
        self.floor: dict[int, float] = {}
        self.steady: dict[int, float] = {}
        self._outputs = outputs
        self.answers: dict[Kernels, dict[int, Array]] = {"reference": {}, "xnnpack": {}}
        with self._busy:
            self._run(references)
            for _ in range(FIRST_DRAWS):
                self._draw()

    @property
    def answer(self) -> dict[int, Array]:
        """The tensors that the reference kernels give, by TFLite index."""
        return self.answers["reference"]

    def look_deeper(
        self, wanted: Mapping[int, float], steady: Mapping[int, float] = MappingProxyType({})
    ) -> None:
        """Make further draws until every tensor's floor is as high as wanted, or hopeless.

        Args:
            wanted: heights of ``floor`` by tensor. One above ``HOPELESS`` times the present
                floor is given up, but for places of maxima: whether these move is chance.
            steady: the same of ``steady``.

        Raises:
            ReferenceFailedError: the reference fails.
        """
        # A floor never sinks, so it does not matter that draws stop once it is high enough:
        # the verdict is the one that all MAX_DRAWS draws would give.
        while self.draws < MAX_DRAWS and any(
            self._may_reach(tensor, floor[tensor], height)
            for floor, heights in ((self.floor, wanted), (self.steady, steady))
            for tensor, height in heights.items()
        ):
            with self._busy:
                self._draw()

    def _may_reach(self, tensor: int, floor: float, height: float) -> bool:
        """Return whether a floor is too low, and further draws may raise it enough."""
        return floor < height and (tensor in self._places or height <= HOPELESS * floor)

    def _run(self, references: Mapping[Kernels, Reference]) -> None:
        # The kernel sets run at once and their answers arrive tensor by tensor, so that of
        # answers that are not kept only one tensor is held: activations of a large model
        # take hundreds of megabytes. Elements that are NaN or infinite on one side do not
        # raise the floor: an infinite floor would excuse every error.
        runs = [reference.stream(self._inputs) for reference in references.values()]
        found: list[dict[int, float]] = [{} for _ in combinations(runs, 2)]
        for arrived in zip(*runs, strict=True):
            tensor = arrived[0][0]
            arrays = [array for _, array in arrived]
            for distances, pair in zip(found, combinations(arrays, 2), strict=True):
                distances[tensor] = largest_difference(*pair)
            for kernels, array in zip(references, arrays, strict=True):
                if kernels == "reference" or (kernels == "xnnpack" and tensor in self._outputs):
                    self.answers[kernels][tensor] = array.copy()
        for distances in found:
            self._raise(distances)

    def _draw(self) -> None:
        reference = self._drawn[self.draws % len(self._drawn)]
        self.draws += 1
        nudged = [nudge(array, self._generator, self._dtype) for array in self._inputs]
        self._raise(
            {t: largest_difference(self.answer[t], array) for t, array in reference.stream(nudged)}
        )

    def _raise(self, distances: Mapping[int, float]) -> None:
        """Raise the floors to the distances between two runs."""
        moved = any(distances.get(tensor) for tensor in self._places)
        for floor in (self.floor,) if moved else (self.floor, self.steady):
            for tensor, distance in distances.items():
                floor[tensor] = max(floor.get(tensor, 0.0), distance)


def nudge(array: Array, generator: np.random.Generator, dtype: str = "float32") -> Array:
    """Return a copy with every floating-point value moved by one ulp, up or down at random.

    Args:
        array: left as it is; returned where its values are whole numbers.
        generator: draws the direction of each value.
        dtype: the type whose ulp is meant, a key of ``parity.distances.SPACINGS``.
    """
    if array.dtype.kind != "f":
        return array
    if not array.any():
        # The number next to 0 is so small that no model notices it, and the kernel sets
        # agree on 0 by chance: nudge zeros by an ulp of 1.
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
