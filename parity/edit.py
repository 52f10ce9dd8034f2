"""Copies of a model that take or give something else than the file says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from parity.wire import Array

_BUFFER_ALIGNMENT = 16
"""``force_align`` of Buffer.data in TFLite's schema, which the object API forgets."""

_FLOAT32, _INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT32


def packed_model(model: Any) -> bytes:
    """Return the file of a ``schema.ModelT``, such as one that was read and changed."""
    model.buffers = [_AlignedBuffer(b.data, b.offset, b.size) for b in model.buffers]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose bytes lie where TFLite's converter would have put them."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802
        if self.data is not None:
            size = len(self.data)
            builder.StartVector(1, size, _BUFFER_ALIGNMENT)
            builder.head -= size
            builder.Bytes[builder.head : builder.head + size] = bytes(self.data)
            data = builder.EndVector()
        schema.BufferStart(builder)
        if self.data is not None:
            schema.BufferAddData(builder, data)
        schema.BufferAddOffset(builder, self.offset)
        schema.BufferAddSize(builder, self.size)
        return schema.BufferEnd(builder)


def with_outputs(model: bytes, tensors: Sequence[int]) -> bytes:
    """Return a verified model that gives these tensors, which it computes, in this order."""
    copy = schema.ModelT.InitFromPackedBuf(model)
    copy.subgraphs[0].outputs = list(tensors)
    return packed_model(copy)


PLANES = 8
"""How many bytes spell a number: its sign, two before the point and five behind it."""

UNITS = (256.0, 1.0, *(256.0**-place for place in range(1, PLANES - 2)))
"""What one is worth in each of the bytes but the sign's."""

LIMIT = 256.0 * UNITS[0]
GRID = UNITS[-1]
"""Numbers are below the limit, and rounded to multiples of the grid, which is 2**-40."""


class ByteFed:
    """A copy of a model whose only input is an image of bytes that spell its float32 inputs.

    TFLite's sums of the bytes round nothing: they are exact for numbers below 65536 and, but
    for 0, from 2**-17 up. Each byte of the numbers is a plane of the image; the planes lie
    below each other.

    Args:
        model: a verified model whose inputs are all float32.
        shapes: the inputs' shapes, in the file's order.

    Attributes:
        model: the copy. It gives the inputs as it has decoded them, then its outputs.
        size: (height, width) of the image, which has three channels and is nearly square:
            OpenCV, which MediaPipe reads it with, goes up to 32767.
    """

    def __init__(self, model: bytes, shapes: Sequence[tuple[int, ...]]) -> None:
        counts = [math.prod(shape) for shape in shapes]
        width = math.isqrt(PLANES * sum(counts) // 3) + 1
        rows = -(-sum(counts) // (3 * width))
        self.size = (PLANES * rows, width)
        writer = _Writer(model)
        inputs = list(writer.graph.inputs)
        flat, start = writer.decoder(rows, width), 0
        for tensor, shape, count in zip(inputs, shapes, counts, strict=True):
            writer.reshape(writer.slice(flat, start, count), shape, tensor)
            start += count
        writer.graph.outputs = [*inputs, *writer.graph.outputs]
        self.model = writer.finish()

    def image(self, arrays: Sequence[Array]) -> Array:
        """Return the image, uint8, that spells the inputs.

        Raises ValueError for a number that is not finite, or 65536 and above.
        """
        height, width = self.size
        numbers = np.concatenate([array.reshape(-1) for array in arrays])
        numbers = numbers.astype(np.float64)
        if not (np.abs(numbers) < LIMIT).all():
            raise ValueError(f"an input that is not below {LIMIT:g}")
        steps = np.rint(np.abs(numbers) / GRID).astype(">u8")
        planes = np.zeros((PLANES, height // PLANES * width * 3), np.uint8)
        planes[:, : len(numbers)] = steps.view(np.uint8).reshape(-1, PLANES).T
        planes[0, : len(numbers)] = np.signbit(numbers)
        return planes.reshape(height, width, 3)


class _Writer:
    """Puts operators in front of those of a model, whose inputs they compute."""

    def __init__(self, model: bytes) -> None:
        self._model = schema.ModelT.InitFromPackedBuf(model)
        self.graph = self._model.subgraphs[0]
        self._added: list[Any] = []

    def finish(self) -> bytes:
        """Return the file."""
        self.graph.operators = [*self._added, *self.graph.operators]
        return packed_model(self._model)

    def decoder(self, rows: int, width: int) -> int:
        """Make an image of bytes the only input; return the numbers that it spells."""
        shape = (1, rows, width, 3)
        image = self._tensor((1, PLANES * rows, width, 3))
        self.graph.inputs = [image]
        sign, *parts = (self._tensor(shape) for _ in range(PLANES))
        options = schema.SplitOptionsT(numSplits=PLANES)
        self._operator("SPLIT", [self._integers(1), image], [sign, *parts], options)
        total = self._times(parts[0], UNITS[0], shape)
        for part, unit in zip(parts[1:], UNITS[1:], strict=True):
            total = self._plus(total, self._times(part, unit, shape), shape)
        sign = self._plus(self._times(sign, -2.0, shape), self._number(1.0), shape)
        signed = self._tensor(shape)
        self._operator("MUL", [total, sign], [signed], schema.MulOptionsT())
        return self.reshape(signed, (1, rows * width * 3))

    def slice(self, flat: int, start: int, count: int) -> int:
        """Return some elements of a tensor of one row."""
        part = self._tensor((1, count))
        ends = [self._integers([0, start]), self._integers([1, count])]
        self._operator("SLICE", [flat, *ends], [part], schema.SliceOptionsT())
        return part

    def reshape(
        self, tensor: int, shape: tuple[int, ...], output: int | None = None
    ) -> int:
        """Return the same elements in another shape, in a tensor that may be there."""
        output = self._tensor(shape) if output is None else output
        options = schema.ReshapeOptionsT(newShape=list(shape))
        self._operator("RESHAPE", [tensor, self._integers(shape)], [output], options)
        return output

    def _times(self, tensor: int, number: float, shape: tuple[int, ...]) -> int:
        output = self._tensor(shape)
        operands = [tensor, self._number(number)]
        self._operator("MUL", operands, [output], schema.MulOptionsT())
        return output

    def _plus(self, one: int, other: int, shape: tuple[int, ...]) -> int:
        output = self._tensor(shape)
        self._operator("ADD", [one, other], [output], schema.AddOptionsT())
        return output

    def _number(self, number: float) -> int:
        return self._tensor((), np.float32(number))

    def _integers(self, numbers: int | Sequence[int]) -> int:
        return self._tensor(np.shape(numbers), np.array(numbers, np.int32))

    def _tensor(self, shape: tuple[int, ...], data: Any = None) -> int:
        tensor = schema.TensorT(shape=list(shape), hasRank=True, name="decoder")
        tensor.type = _FLOAT32 if data is None or data.dtype.kind == "f" else _INT32
        if data is not None:
            tensor.buffer = len(self._model.buffers)
            self._model.buffers.append(schema.BufferT(data=data.tobytes()))
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _operator(
        self, name: str, inputs: list[int], outputs: list[int], options: Any
    ) -> None:
        code = getattr(schema.BuiltinOperator, name)
        operator = schema.OperatorT(
            opcodeIndex=len(self._model.operatorCodes),
            inputs=inputs,
            outputs=outputs,
            builtinOptions=options,
            builtinOptionsType=getattr(
                schema.BuiltinOptions, type(options).__name__.removesuffix("T")
            ),
        )
        self._model.operatorCodes.append(
            schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code)
        )
        self._added.append(operator)
