"""The noise floor of every tensor of a model on one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from parity.measure import difference
from parity.noise import FIRST_DRAWS, HOPELESS, MAX_DRAWS, nudge
from parity.reference import Kernels, Reference
from parity.wire import Array


class Floor:
    """What the reference kernels give for one input, and how far TFLite is from itself.

    It is the noise floor of ``parity.noise``, for models of which every tensor is an
    output: only the answer of the reference kernels is kept, and that of one other run at
    a time stands beside it.

    Args:
        references: a reference for each kernel set.
        inputs: in TFLite's order and shape.
        generator: decides how inputs are nudged.

    Attributes:
        answer: the tensors by TFLite index.
        height: for each tensor its noise floor, as far as it is known.

    Raises:
        ReferenceFailedError: where a reference fails.
    """

    def __init__(
        self,
        references: Mapping[Kernels, Reference],
        inputs: Sequence[Array],
        generator: np.random.Generator,
    ) -> None:
        self._reference = references["reference"]
        self._inputs = inputs
        self._generator = generator
        self._draws = 0
        self.answer = self._reference.run(inputs)
        self.height = dict.fromkeys(self.answer, 0.0)
        for kernels, reference in references.items():
            if kernels != "reference":
                self._raise(reference.run(inputs))
        for _ in range(FIRST_DRAWS):
            self._draw()

    def look_deeper(self, wanted: Mapping[int, float]) -> None:
        """Draw on until every tensor's floor is as high as wanted, or will hardly be.

        Args:
            wanted: heights by tensor. One that is ``HOPELESS`` times the floor that was
                found so far is given up.
        """
        while self._draws < MAX_DRAWS and any(
            self.height[tensor] < height <= HOPELESS * self.height[tensor]
            for tensor, height in wanted.items()
        ):
            self._draw()

    def _draw(self) -> None:
        self._draws += 1
        nudged = [_nudge(array, self._generator) for array in self._inputs]
        self._raise(self._reference.run(nudged))

    def _raise(self, other: Mapping[int, Array]) -> None:
        for tensor, so_far in self.height.items():
            distance = difference(self.answer[tensor], other[tensor]).largest
            self.height[tensor] = max(so_far, distance)


def _nudge(array: Array, generator: np.random.Generator) -> Array:
    """Return ``array`` with every value moved by one ulp; zeros alone by one ulp of one.

    The next float32 after zero is so small that nothing in a model sees it: the floor
    would be that of a few numbers which happen to agree.
    """
    if array.any() or array.dtype.kind != "f":
        return nudge(array, generator)
    one = np.ones_like(array)
    nudged: Array = nudge(one, generator) - one
    return nudged
