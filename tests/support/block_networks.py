"""Random networks of blocks, whose uses differ in what one class can take as arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.layers import RELU6, Image, Layers
from tests.support.models import Operand, Ref

Choice = TypeVar("Choice")


class BlockNetwork(Layers):
    """Grows a network of a stem, stages of blocks, merges and heads."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        families: list[Callable[[Image], Image]] = [
            self._blaze,
            self._bottleneck,
            self._inverted,
            self._double,
            self._separable,
            self._residual,
        ]
        places = self.random.permutation(len(families))
        self._families = [families[i] for i in places[: self._pick((1, 1, 2))]]
        self._bend = self._pick(("relu", "relu", "relu6", "prelu", "slope", "none"))
        self._kernels = self._pick(((3,), (3,), (5,), (3, 5)))
        self._widths = self._pick(((4,), (4, 6), (4, 6, 8), (3, 5, 8, 12)))
        self._pools = self._pick((("MAX",), ("MAX",), ("AVERAGE",), ("MAX", "AVERAGE")))
        self._swaps = self._chance(0.2)
        self._odd = self._chance(0.15)

    def write(self) -> bytes:
        """Return a model."""
        size = self.random.integers(9, 26, 2) if self._chance(0.6) else [16, 16]
        x = self.image(int(size[0]), int(size[1]), 3)
        x = self._bent(self.convolve(x, self._widths[0], 3, self._pick((1, 2))))
        levels = [x]
        for _ in range(self._pick((1, 2, 3))):
            for _ in range(self._pick((1, 2, 2, 3, 4))):
                x = self._pick(self._families)(x)
            levels.append(x)
        if self._chance(0.3):
            x = self._merged(x, levels)
        return self.build(self._heads(x, levels))

    def _pick(self, choices: Sequence[Choice]) -> Choice:
        return choices[int(self.random.integers(len(choices)))]

    def _chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def _stride(self, x: Image) -> int:
        if min(x.height, x.width) < 4:
            return 1
        return self._pick((1, 1, 1, 2))

    def _bent(self, x: Image) -> Image:
        match self._bend:
            case "none":
                return x
            case "prelu":
                return self.prelu(x)
            case "slope":
                return self.prelu(x, self._pick((0, 1)))
            case function:
                return self.like(x, self.function(function.upper(), x.ref))

    def _joined(self, branch: Image, skip: Image) -> Image:
        first, second = branch, skip
        if self._swaps and self._chance(0.5):
            first, second = second, first
        return self.sum(first, second)

    def _shortcut(self, x: Image, like: Image) -> Image:
        """Pool, widen, narrow or project what a block skips, in some order."""
        if self._odd and self._chance(0.3):
            return self.convolve(x, like.channels, 1, -(-x.height // like.height))
        steps: list[Callable[[Image], Image]] = []
        if x.height != like.height:
            kind, kernel = self._pick(self._pools), 2
            if self._odd:
                kernel = self._pick((2, 3))
            steps.append(lambda x: self.pool(x, kernel, kind=kind))
        if x.channels < like.channels:
            new = like.channels - x.channels
            before = self._pick((0, 1)) if self._odd else 0
            steps.append(lambda x: self.padded(x, new, before))
        if x.channels > like.channels:
            steps.append(lambda x: self.sliced(x, like.channels))
        if self._odd and self._chance(0.5):
            steps.reverse()
        for step in steps:
            x = step(x)
        return x

    def _blaze(self, x: Image) -> Image:
        y = self.depthwise(x, self._pick(self._kernels), self._stride(x))
        y = self.convolve(y, self._pick(self._widths))
        return self._bent(self._joined(y, self._shortcut(x, y)))

    def _bottleneck(self, x: Image) -> Image:
        stride = self._stride(x)
        even = x.height % 2 == x.width % 2 == 0
        filters = self._pick(self._widths)
        hidden = max(filters // 2, 2)
        kernel = 2 if stride == 2 and even else 1
        y = self._bent(self.convolve(x, hidden, kernel, stride))
        y = self.depthwise(y, self._pick(self._kernels))
        y = self.convolve(y, filters)
        return self._bent(self._joined(y, self._shortcut(x, y)))

    def _inverted(self, x: Image) -> Image:
        stride, filters = self._stride(x), self._pick(self._widths)
        hidden = x.channels * self._pick((2, 2, 3)) + self._odd * self._pick((0, 1))
        y = self.convolve(x, hidden, activation=RELU6)
        y = self.depthwise(y, self._pick(self._kernels), stride, activation=RELU6)
        if len(self._widths) == 3:
            y = self.excited(y)
        y = self.convolve(y, filters)
        fits = y.shape == x.shape and not (self._odd and self._chance(0.3))
        return self._joined(y, x) if fits else y

    def _double(self, x: Image) -> Image:
        filters = self._pick(self._widths)
        y = self.depthwise(x, self._pick(self._kernels), self._stride(x))
        y = self._bent(self.convolve(y, self._pick((2, 3))))
        y = self.convolve(self.depthwise(y, self._pick(self._kernels)), filters)
        return self._bent(self._joined(y, self._shortcut(x, y)))

    def _separable(self, x: Image) -> Image:
        multiplier = self._pick((1, 2)) if self._odd else 1
        y = self.depthwise(x, 3, self._stride(x), multiplier=multiplier)
        return self._bent(self.convolve(y, self._pick(self._widths)))

    def _residual(self, x: Image) -> Image:
        dilation = self._pick((1, 2)) if self._odd else 1
        y = self.convolve(x, x.channels, self._pick(self._kernels), dilation=dilation)
        return self._bent(self._joined(self.convolve(self._bent(y), x.channels, 3), x))

    def _merged(self, x: Image, levels: Sequence[Image]) -> Image:
        """Go up a pyramid: upsample, add what a finer level has, and refine."""
        refines = self._chance(0.5)
        for skip in reversed(levels[:-1]):
            x = self.resized(self.convolve(x, skip.channels), skip.height, skip.width)
            lateral = self._bent(self.convolve(skip, skip.channels))
            x = self.sum(x, lateral)
            if refines:
                x = self._families[0](x)
        return x

    def _heads(self, x: Image, levels: Sequence[Image]) -> list[Ref]:
        kinds = ("maps", "blocks", "rows", "lines", "pooled", "inner", "plain")
        match self._pick(kinds):
            case "maps":
                return [self.convolve(x, n, self._pick((1, 3))).ref for n in (2, 5)]
            case "blocks":
                heads = []
                for filters in (2, 5):
                    y = self._families[0](self._families[0](x))
                    heads.append(self.convolve(y, filters).ref)
                return heads
            case "lines":
                return [self._line(self._families[0](x), n) for n in (2, 3, 4)]
            case "rows":
                return [self._rows([x, *levels[-2:-1]], width) for width in (1, 4)]
            case "pooled":
                options = schema.ReducerOptionsT(keepDims=False)
                axes = np.array([1, 2], np.int32)
                (mean,) = self.operator("MEAN", [x.ref, axes], options=options)
                weight = self.drawn(3, x.channels)
                operands: list[Operand] = [mean, weight, self.drawn(3)]
                plain = schema.FullyConnectedOptionsT()
                return self.operator("FULLY_CONNECTED", operands, options=plain)
            case "inner":
                return [x.ref, *(level.ref for level in levels[:2] if level is not x)]
        return [x.ref]

    def _rows(self, images: Sequence[Image], width: int) -> Ref:
        parts = [self._line(image, width) for image in images]
        options = schema.ConcatenationOptionsT(axis=1)
        return self.operator("CONCATENATION", parts, options=options)[0]

    def _line(self, x: Image, width: int) -> Ref:
        """Lay out what a convolution gives as rows of numbers."""
        y = self.convolve(x, width * self._pick((1, 2)))
        count = y.height * y.width * y.channels // width
        return self.reshape(y.ref, 1, count, width)
