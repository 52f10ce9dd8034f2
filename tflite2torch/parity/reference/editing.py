"""Edited copies of a model: other outputs, a part of it, other sums, inputs from an image."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np

from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.parity.reference import schema
from tflite2torch.parity.reference.wire import Array

_BUFFER_ALIGNMENT = 16
"""``force_align`` of Buffer.data in TFLite's schema, which the object API forgets."""


QUANTIZED = ("int8", "uint8")
"""Types of quantized weights."""


def packed_model(model: Any) -> bytes:
    """Return the bytes of a ``schema.ModelT``."""
    aligned = _aligned_buffer()
    model.buffers = [aligned(b.data, b.offset, b.size) for b in model.buffers]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@functools.cache
def _aligned_buffer() -> Any:
    """Return a buffer class that aligns its bytes as TFLite's converter does."""

    class AlignedBuffer(schema.BufferT):  # type: ignore[misc]
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

    return AlignedBuffer


def with_outputs(model: bytes, tensors: Sequence[int]) -> bytes:
    """Return a copy of a verified model whose outputs are these tensors, in this order."""
    copy = schema.ModelT.InitFromPackedBuf(model)
    copy.subgraphs[0].outputs = list(tensors)
    return packed_model(copy)


def part_of(
    model: bytes,
    operators: Sequence[int],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> bytes:
    """Return a model of some operators of a verified one; tensors keep their indices."""
    copy = schema.ModelT.InitFromPackedBuf(model)
    graph = copy.subgraphs[0]
    graph.operators = [graph.operators[index] for index in operators]
    graph.inputs, graph.outputs = list(inputs), list(outputs)
    return packed_model(copy)


def hybrid_weights(model: TfliteModel) -> dict[int, Array]:
    """Return the numbers of integer weights that float32 operators take, by tensor.

    TFLite computes such operators with hybrid kernels: they round float32 inputs to integers too,
    which costs far more than float32 does (dynamic range quantization).
    """
    found = {}
    for operator in model.operators:
        computed = [model.tensors[i] for i in operator.inputs if i >= 0]
        if not any(x.data is None and x.dtype == "float32" for x in computed):
            continue
        for tensor in computed:
            if tensor.data is not None and tensor.quantization and tensor.dtype in QUANTIZED:
                found[tensor.index] = tensor.quantization.numbers(tensor.data)
    return found


def without_hybrid(model: TfliteModel, data: bytes) -> bytes:
    """Return a copy of a model that computes in float32 with its integer weights.

    A model without such weights is returned as it is.
    """
    weights = hybrid_weights(model)
    if not weights:
        return data
    copy = schema.ModelT.InitFromPackedBuf(data)
    for index, numbers in weights.items():
        tensor = copy.subgraphs[0].tensors[index]
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
        tensor.buffer = len(copy.buffers)
        copy.buffers.append(schema.BufferT(data=numbers.tobytes()))
    return packed_model(copy)


SUMS = ("MEAN", "SUM")
"""Operators that sum over whole axes."""


def resummed(model: bytes) -> bytes:
    """Return a copy of a verified model whose sums are taken pairwise.

    The result is the same but for rounding.
    """
    # All of TFLite's kernels add the thousands of numbers of an axis one by one and so err
    # alike, by ten ulps and more: the difference between them does not show that error. The
    # difference from a pairwise sum does, whose rounding grows only with the logarithm.
    writer = _Writer(model)
    for operator in writer.operators:
        if writer.is_constant_sum(operator):
            writer.sum_by_halves(operator)
        else:
            writer.added.append(operator)
    writer.operators = []
    return writer.finish()


PLANES = 8
"""Bytes that encode a number: its sign, two before the binary point and five behind it."""

UNITS = (256.0, 1.0, *(256.0**-place for place in range(1, PLANES - 2)))
"""The value of 1 in each byte but the sign's."""

LIMIT = 256.0 * UNITS[0]
GRID = UNITS[-1]
"""Numbers are below the limit, and rounded to multiples of the grid, which is 2**-40."""


class ByteFed:
    """A copy of a model whose only input is an image of bytes that encode its float32 inputs.

    The decoding in TFLite is exact for 0 and for numbers from 2**-17 up to 65536. Each byte
    of the numbers is a plane of the image; the planes lie below each other.

    Args:
        model: a verified model whose inputs are all float32.
        shapes: the inputs' shapes, in the file's order.

    Attributes:
        model: the copy. Its outputs are the decoded inputs, then those of the model.
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
        """Return the uint8 image that encodes the inputs.

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
    """Adds operators to a model, before its own or in place of them."""

    def __init__(self, model: bytes) -> None:
        self._model = schema.ModelT.InitFromPackedBuf(model)
        self.graph = self._model.subgraphs[0]
        self.operators: list[Any] = list(self.graph.operators)
        self.added: list[Any] = []

    def finish(self) -> bytes:
        """Return the file."""
        self.graph.operators = [*self.added, *self.operators]
        return packed_model(self._model)

    def is_constant_sum(self, operator: Any) -> bool:
        """Return whether an operator sums float32 over constant axes."""
        if self._name(operator) not in SUMS:
            return False
        numbers, axes = (self.graph.tensors[index] for index in operator.inputs)
        floating = numbers.type == schema.TensorType.FLOAT32
        return floating and self._model.buffers[axes.buffer].data is not None

    def sum_by_halves(self, operator: Any) -> None:
        """Add operators that compute a sum over constant axes pairwise."""
        x, constant = operator.inputs
        shape = [int(size) for size in self.graph.tensors[x].shape]
        stored = self._model.buffers[self.graph.tensors[constant].buffer].data
        found = np.frombuffer(bytes(stored), np.int32).tolist()
        axes = {axis % len(shape) for axis in found}
        count = math.prod(shape[axis] for axis in axes)
        for axis in axes:
            while shape[axis] > 1:
                x = self._halved(x, shape, axis)
                shape[axis] = -(-shape[axis] // 2)
        if self._name(operator) == "MEAN":
            quotient = self._tensor(tuple(shape))
            operands = [x, self._number(float(count))]
            self._operator("DIV", operands, [quotient], schema.DivOptionsT())
            x = quotient
        output = operator.outputs[0]
        self.reshape(x, tuple(self.graph.tensors[output].shape), output)

    def _halved(self, x: int, shape: Sequence[int], axis: int) -> int:
        """Add the second half of an axis, padded if it is shorter, to the first."""
        half = -(-shape[axis] // 2)
        parts: list[int] = []
        for start, size in ((0, half), (half, shape[axis] - half)):
            begin, sizes = [0] * len(shape), list(shape)
            begin[axis], sizes[axis] = start, size
            part = self._tensor(tuple(sizes))
            ends = [self._integers(begin), self._integers(sizes)]
            self._operator("SLICE", [x, *ends], [part], schema.SliceOptionsT())
            parts.append(part)
        total = [*shape[:axis], half, *shape[axis + 1 :]]
        if shape[axis] % 2:
            amounts = np.zeros((len(shape), 2), np.int32)
            amounts[axis, 1] = 1
            padded = self._tensor(tuple(total))
            operands = [parts[1], self._tensor(amounts.shape, amounts)]
            self._operator("PAD", operands, [padded], schema.PadOptionsT())
            parts[1] = padded
        return self._plus(parts[0], parts[1], tuple(total))

    def _name(self, operator: Any) -> str:
        """Return the name of an operator of ``SUMS``; empty for others."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        known = {getattr(schema.BuiltinOperator, name): name for name in SUMS}
        return known.get(number, "")

    def decoder(self, rows: int, width: int) -> int:
        """Make an image of bytes the only input; return the decoded numbers, flat."""
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
        """Return ``count`` elements of a flat tensor."""
        part = self._tensor((1, count))
        ends = [self._integers([0, start]), self._integers([1, count])]
        self._operator("SLICE", [flat, *ends], [part], schema.SliceOptionsT())
        return part

    def reshape(self, tensor: int, shape: tuple[int, ...], output: int | None = None) -> int:
        """Return the same elements in another shape, in a given tensor or a new one."""
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
        floating = data is None or data.dtype.kind == "f"
        kinds = schema.TensorType
        tensor.type = kinds.FLOAT32 if floating else kinds.INT32
        if data is not None:
            tensor.buffer = len(self._model.buffers)
            self._model.buffers.append(schema.BufferT(data=data.tobytes()))
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _operator(self, name: str, inputs: list[int], outputs: list[int], options: Any) -> None:
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
        self.added.append(operator)
