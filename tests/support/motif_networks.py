"""Random networks that repeat a motif of any shape, with other numbers each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tests.support.layers import RELU, Image, Layers

Choice = TypeVar("Choice")
Step = Callable[["Motif", Sequence[Image]], Image]


@dataclass
class Motif:
    """What one use of the motif draws for itself.

    Attributes:
        widths: how many channels the values of each kind have.
    """

    widths: tuple[int, ...]


class MotifNetwork(Layers):
    """Draws a few steps, and applies them several times, one use after the other."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._kinds = [0]
        self._varies = bool(self.random.random() < 0.6)
        self._steps: list[tuple[Step, tuple[int, ...]]] = []
        for _ in range(int(self.random.integers(3, 9))):
            self._draw_step()

    def write(self) -> bytes:
        """Return a model of two uses to four; some show an inner value."""
        x = self.image(int(self.random.integers(5, 9)), 7, 3)
        shown = []
        for _ in range(self._pick((2, 2, 3, 4))):
            widths = tuple(self._pick((3, 4, 6)) for _ in range(2))
            use = Motif(widths if self._varies else (4, 6))
            x = self.convolve(x, use.widths[0], activation=self._pick((0, RELU)))
            values = [x]
            for step, operands in self._steps:
                values.append(step(use, [values[i] for i in operands]))
            if self.random.random() < 0.1:
                shown.append(self._pick(values[1:]).ref)
            x = values[-1]
        if self._pick((True, False)):
            return self.build([self.convolve(x, 2).ref, *shown])
        return self.build([x.ref, *shown])

    def _pick(self, choices: Sequence[Choice]) -> Choice:
        return choices[int(self.random.integers(len(choices)))]

    def _draw_step(self) -> None:
        """Add a step that reads values of earlier ones, the last ones rather."""
        last = len(self._kinds) - 1
        operand = max(last - self._pick((0, 0, 0, 1, 2)), 0)
        alike = [i for i, k in enumerate(self._kinds) if k == self._kinds[operand]]
        other = self._pick(alike)
        kind = self._kinds[operand]
        step, operands = self._pick(
            (
                (self._convolution(same := self._pick((0, 1))), (operand,)),
                (self._convolution(same), (operand,)),
                (self._depthwise(), (operand,)),
                (self._function(), (operand,)),
                (self._function(), (operand,)),
                (lambda use, values: self.sum(*values), (operand, other)),
                (lambda use, values: self.sum(*values), (operand, other)),
                (self._product, (operand, other)),
                (self._product, (operand, other)),
                (self._joined(same), (operand, other)),
                (lambda use, values: self.excited(values[0]), (operand,)),
                (self._pooled(), (operand,)),
                (self._scaled(), (operand,)),
                (lambda use, values: self.prelu(values[0]), (operand,)),
                (self._cut(same), (operand,)),
            )
        )
        changed = step.__name__ in ("convolution", "joined", "cut")
        self._steps.append((step, operands))
        self._kinds.append(same if changed else kind)

    def _convolution(self, kind: int) -> Step:
        kernels = self._pick(((1,), (1,), (3,), (3, 5)))
        activation = self._pick((0, 0, RELU))

        def convolution(use: Motif, values: Sequence[Image]) -> Image:
            kernel = self._pick(kernels)
            return self.convolve(values[0], use.widths[kind], kernel, activation=activation)

        return convolution

    def _depthwise(self) -> Step:
        kernels = self._pick(((3,), (3, 5)))
        return lambda use, values: self.depthwise(values[0], self._pick(kernels))

    def _function(self) -> Step:
        name = self._pick(("RELU", "RELU6", "LOGISTIC", "HARD_SWISH", "TANH"))
        return lambda use, values: self.like(values[0], self.function(name, values[0].ref))

    def _product(self, use: Motif, values: Sequence[Image]) -> Image:
        factor = self.function("LOGISTIC", values[1].ref)
        return self.like(values[0], self.mul(values[0].ref, factor))

    def _joined(self, kind: int) -> Step:
        def joined(use: Motif, values: Sequence[Image]) -> Image:
            return self.convolve(self.joined(values), use.widths[kind])

        return joined

    def _pooled(self) -> Step:
        kind, kernels = self._pick(("MAX", "AVERAGE")), self._pick(((3,), (2, 3)))
        return lambda use, values: self.pool(values[0], self._pick(kernels), 1, kind=kind)

    def _scaled(self) -> Step:
        numbers = self._pick(((0.5,), (0.5, 0.25)))

        def scaled(use: Motif, values: Sequence[Image]) -> Image:
            factor = np.array(self._pick(numbers), np.float32)
            return self.like(values[0], self.mul(values[0].ref, factor))

        return scaled

    def _cut(self, kind: int) -> Step:
        """Take channels away or add some, as many as there have to be."""

        def cut(use: Motif, values: Sequence[Image]) -> Image:
            (x,), channels = values, use.widths[kind]
            if x.channels > channels:
                return self.sliced(x, channels)
            return self.padded(x, channels - x.channels) if channels > x.channels else x

        return cut
