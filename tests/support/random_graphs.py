"""Random small networks: what grids of one operator cannot show, their interplay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, ModelBuilder, Operand, Ref

SAME, VALID = 0, 1
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Known:
    """A tensor of the network, and its shape."""

    ref: Ref
    shape: tuple[int, ...]


class RandomNetwork:
    """Grows a network from an image by one random operator after another."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._builder = ModelBuilder()
        shape = (1, *self._sizes(6, 12), self._pick((3, 4)))
        self._known = [Known(self._builder.input(shape), shape)]

    def write(self, length: int) -> bytes:
        """Return a model of some operators; outputs are those that nobody reads."""
        steps: list[Callable[[Known], Known | None]] = [
            *(self._conv, self._depthwise, self._prelu, self._pool, self._pad),
            *(self._residual, self._scale, self._concat, self._mean, self._transpose),
            *(self._resize, self._slice, self._reshape, self._activation, self._linear),
            *(self._conv, self._residual, self._activation),
        ]
        read: set[int] = set()
        while length:
            source = self._pick(self._known[-3:])
            result = self._pick(steps)(source)
            if result is not None:
                read.add(source.ref.index)
                self._known.append(result)
                length -= 1
        ends = [k.ref for k in self._known[1:] if k.ref.index not in read]
        return self._builder.build(ends)

    def _pick(self, choices: Sequence[Choice]) -> Choice:
        return choices[int(self._random.integers(len(choices)))]

    def _sizes(self, low: int, high: int) -> tuple[int, int]:
        height, width = self._random.integers(low, high, 2)
        return int(height), int(width)

    def _weights(self, *shape: int) -> Array:
        fan = max(int(np.prod(shape[1:])), 1)
        weights = self._random.standard_normal(shape) / np.sqrt(fan)
        return np.asarray(weights, np.float32)

    def _add(
        self,
        name: str,
        operands: Sequence[Operand],
        shape: Sequence[int],
        options: Any = None,
    ) -> Known:
        (ref,) = self._builder.operator(name, operands, options=options)
        return Known(ref, tuple(int(n) for n in shape))

    def _conv(self, x: Known) -> Known | None:
        if len(x.shape) != 4:
            return None
        _, height, width, channels = x.shape
        kernel, stride = self._pick((1, 1, 2, 3)), self._pick((1, 1, 2))
        padding = self._pick((SAME, VALID))
        if padding == VALID and min(height, width) < kernel:
            return None
        filters = self._pick((channels, 5, 6))
        options = schema.Conv2DOptionsT(
            padding=padding,
            strideH=stride,
            strideW=stride,
            fusedActivationFunction=self._pick((0, 0, 1, 3)),
        )
        weight = self._weights(filters, kernel, kernel, channels)
        size = _window((height, width), kernel, stride, padding)
        operands: list[Operand] = [x.ref, weight, self._weights(filters)]
        return self._add("CONV_2D", operands, (1, *size, filters), options)

    def _depthwise(self, x: Known) -> Known | None:
        if len(x.shape) != 4:
            return None
        _, height, width, channels = x.shape
        stride = self._pick((1, 2))
        options = schema.DepthwiseConv2DOptionsT(
            padding=SAME, strideH=stride, strideW=stride, depthMultiplier=1
        )
        weight = self._weights(1, 3, 3, channels)
        size = _window((height, width), 3, stride, SAME)
        operands: list[Operand] = [x.ref, weight, self._weights(channels)]
        return self._add("DEPTHWISE_CONV_2D", operands, (1, *size, channels), options)

    def _prelu(self, x: Known) -> Known | None:
        if len(x.shape) != 4:
            return None
        return self._add("PRELU", [x.ref, self._weights(1, 1, x.shape[3])], x.shape)

    def _pool(self, x: Known) -> Known | None:
        if len(x.shape) != 4:
            return None
        name = self._pick(("MAX_POOL_2D", "AVERAGE_POOL_2D"))
        kernel, stride = self._pick((2, 3)), self._pick((1, 2))
        options = schema.Pool2DOptionsT(
            padding=SAME,
            filterHeight=kernel,
            filterWidth=kernel,
            strideH=stride,
            strideW=stride,
        )
        size = _window(x.shape[1:3], kernel, stride, SAME)
        return self._add(name, [x.ref], (1, *size, x.shape[3]), options)

    def _pad(self, x: Known) -> Known | None:
        if len(x.shape) != 4:
            return None
        amounts = self._random.integers(0, 3, (4, 2)).astype(np.int32)
        amounts[0] = 0
        shape = np.add(x.shape, amounts.sum(1))
        return self._add("PAD", [x.ref, amounts], shape, schema.PadOptionsT())

    def _residual(self, x: Known) -> Known | None:
        partners = [k for k in self._known if k.shape == x.shape and k is not x]
        if not partners:
            return None
        name, options = self._pick((("ADD", schema.AddOptionsT()), ("MUL", schema.MulOptionsT())))
        return self._add(name, [x.ref, self._pick(partners).ref], x.shape, options)

    def _scale(self, x: Known) -> Known:
        shape = self._pick(((), x.shape[-1:], (1,) * (len(x.shape) - 1) + x.shape[-1:]))
        constant = self._weights(*shape)
        return self._add("MUL", [x.ref, constant], x.shape, schema.MulOptionsT())

    def _concat(self, x: Known) -> Known | None:
        partners = [
            k for k in self._known if len(k.shape) == len(x.shape) and k.shape[:-1] == x.shape[:-1]
        ]
        partner = self._pick(partners)
        axis = len(x.shape) - 1
        shape = (*x.shape[:-1], x.shape[-1] + partner.shape[-1])
        options = schema.ConcatenationOptionsT(axis=axis)
        return self._add("CONCATENATION", [x.ref, partner.ref], shape, options)

    def _mean(self, x: Known) -> Known | None:
        if len(x.shape) != 4:
            return None
        keep = bool(self._random.integers(2))
        axes = self._pick(((1, 2), (3,), (1,)))
        kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
        shape = kept if keep else [n for i, n in enumerate(x.shape) if i not in axes]
        options = schema.ReducerOptionsT(keepDims=keep)
        return self._add("MEAN", [x.ref, _integers(axes)], shape, options)

    def _transpose(self, x: Known) -> Known | None:
        axes = [0, *(1 + self._random.permutation(len(x.shape) - 1))]
        shape = [x.shape[axis] for axis in axes]
        operands: list[Operand] = [x.ref, _integers(axes)]
        return self._add("TRANSPOSE", operands, shape, schema.TransposeOptionsT())

    def _resize(self, x: Known) -> Known | None:
        if len(x.shape) != 4:
            return None
        size = self._sizes(2, 12)
        options = schema.ResizeBilinearOptionsT(halfPixelCenters=True)
        operands: list[Operand] = [x.ref, _integers(size)]
        return self._add("RESIZE_BILINEAR", operands, (1, *size, x.shape[3]), options)

    def _slice(self, x: Known) -> Known | None:
        begin = [0, *(int(self._random.integers(n)) for n in x.shape[1:])]
        size = [
            1,
            *(
                int(self._random.integers(1, n - b + 1))
                for n, b in zip(x.shape[1:], begin[1:], strict=True)
            ),
        ]
        operands: list[Operand] = [x.ref, _integers(begin), _integers(size)]
        return self._add("SLICE", operands, size, schema.SliceOptionsT())

    def _reshape(self, x: Known) -> Known | None:
        total = int(np.prod(x.shape))
        shape = self._pick(
            (
                (1, total),
                (1, x.shape[-1], total // x.shape[-1]),
                (1, 1, *x.shape[1:])[:5],
            )
        )
        if np.prod(shape) != total or len(shape) > 4:
            return None
        return self._add("RESHAPE", [x.ref, _integers(shape)], shape)

    def _activation(self, x: Known) -> Known:
        name = self._pick(("RELU", "LOGISTIC", "TANH", "HARD_SWISH", "SOFTMAX"))
        options = schema.SoftmaxOptionsT(beta=1.0) if name == "SOFTMAX" else None
        return self._add(name, [x.ref], x.shape, options)

    def _linear(self, x: Known) -> Known | None:
        width = x.shape[-1]
        if len(x.shape) != 2 or width > 200:
            return None
        operands: list[Operand] = [x.ref, self._weights(7, width), self._weights(7)]
        options = schema.FullyConnectedOptionsT()
        return self._add("FULLY_CONNECTED", operands, (1, 7), options)


def _window(size: tuple[int, ...], kernel: int, stride: int, padding: int) -> tuple[int, ...]:
    if padding == SAME:
        return tuple(-(-n // stride) for n in size)
    return tuple((n - kernel) // stride + 1 for n in size)


def _integers(values: Sequence[int]) -> Array:
    return np.array(values, np.int32)
