"""Reads tensor buffers; constants are read-only views into the file."""

from __future__ import annotations

import math

import numpy as np

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError, Table
from tflite2torch.converter.frontends.tflite.work_budget import WorkBudget
from tflite2torch.converter.graph.value import Array, Shape

TYPES = [
    "float32",
    "float16",
    "int32",
    "uint8",
    "int64",
    "string",
    "bool",
    "int16",
    "complex64",
    "int8",
    "float64",
    "complex128",
    "uint64",
    "resource",
    "variant",
    "uint32",
    "uint16",
    "int4",
    "bfloat16",
    "int2",
    "uint4",
    "float8_e4m3fn",
    "float8_e5m2",
]
"""Names of the tensor types, by number (schema: TensorType)."""

_BITS = {
    "int4": 4,
    "uint4": 4,
    "int2": 2,
    "bfloat16": 16,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
}
"""Bits per element of the types that numpy lacks."""

_UNSIZED = frozenset({"string", "resource", "variant"})
"""Types without a fixed size per element."""

MAX_BYTES = 2**31 - 1
"""Maximum size of a tensor in bytes."""

MAX_RANK = 32
"""Maximum number of axes of a tensor, which is that of numpy 1."""


def type_name(number: int) -> str:
    """Return the name of a tensor type; FormatError if there is no such type."""
    if not 0 <= number < len(TYPES):
        raise FormatError(f"its type is number {number}, which does not exist")
    return TYPES[number]


def tensor_shape(sizes: Array, dtype: str) -> Shape:
    """Return a tensor's shape; FormatError if it is negative or exceeds the limits."""
    if len(sizes) > MAX_RANK:
        raise FormatError(f"it has {len(sizes)} axes, more than {MAX_RANK}")
    shape = tuple(sizes.tolist())
    if min(shape, default=0) < 0:
        raise FormatError(f"its shape {list(shape)} is negative")
    # A size of zero would hide sizes whose product overflows elsewhere.
    nonzero = tuple(size for size in shape if size)
    if dtype not in _UNSIZED and byte_size(nonzero, dtype) > MAX_BYTES:
        raise FormatError(f"its shape {list(shape)} takes more than {MAX_BYTES} bytes")
    return shape


def byte_size(shape: Shape, dtype: str) -> int:
    """Return the size of a tensor in bytes, rounded up for types narrower than a byte.

    Raises FormatError for types without a fixed size per element.
    """
    if dtype in _UNSIZED:
        raise FormatError(f"its type {dtype} has no size")
    bits = _BITS.get(dtype) or 8 * np.dtype(dtype).itemsize
    return (math.prod(shape) * bits + 7) // 8


def empty_constant(shape: Shape, dtype: str) -> Array:
    """Return the data of a constant without elements."""
    return np.empty(shape, np.uint8 if dtype in _BITS or dtype in _UNSIZED else dtype)


class Buffers:
    """The buffers of a file, stored in its FlatBuffer or after it."""

    def __init__(self, data: bytes, tables: list[Table], budget: WorkBudget) -> None:
        self._data = data
        self._budget = budget
        self._spans: list[Array] = []
        for index, table in enumerate(tables):
            try:
                self._spans.append(self._span(table))
            except FormatError as error:
                error.path.append(f"buffer {index}")
                raise

    def _span(self, table: Table) -> Array:
        inside: Array = table.get("data", np.empty(0, np.uint8))
        offset, size = table.get("offset", 0), table.get("size", 0)
        # As in TFLite's own reader, an offset of 0 or 1 means that there is none.
        if not (offset > 1 and size):
            return inside
        if len(inside):
            raise FormatError("it stands in two places")
        return trailing_bytes(self._data, offset, size)

    def __getitem__(self, index: int) -> Array:
        """Return the raw bytes of a buffer; FormatError if it does not exist."""
        if index >= len(self._spans):
            raise FormatError(f"buffer {index} of {len(self._spans)} does not exist")
        return self._spans[index]

    def constant(self, index: int, shape: Shape, dtype: str) -> Array | None:
        """Return the data of a constant; None if the buffer is empty.

        Raises FormatError if the buffer's size does not match shape and type.
        """
        raw = self[index]
        if not len(raw) or dtype in _UNSIZED:
            return raw if len(raw) else None
        size = byte_size(shape, dtype)
        if len(raw) != size:
            raise FormatError(f"it holds {len(raw)} bytes; {list(shape)} of {dtype} are {size}")
        values = self.values(index, dtype)
        return values if dtype in _BITS else values.reshape(shape)

    def values(self, index: int, dtype: str) -> Array:
        """Return a buffer as a one-dimensional array; raw bytes if numpy lacks the type."""
        raw = self[index]
        if dtype in _BITS or dtype in _UNSIZED:
            return raw
        if len(raw) % np.dtype(dtype).itemsize:
            raise FormatError(f"it holds {len(raw)} bytes, which {dtype} do not fill")
        if dtype == "bool":
            self._budget.spend(len(raw))
            # numpy takes any byte for a bool; others than 0 and 1 then compare inconsistently.
            if raw.max(initial=0) > 1:
                raise FormatError("it holds truth values other than 0 and 1")
        return raw.view(np.dtype(dtype).newbyteorder("<"))


def trailing_bytes(data: bytes, offset: int, size: int) -> Array:
    """Return bytes stored after the FlatBuffer, at an offset from the start of the file."""
    if offset + size > len(data):
        raise FormatError(f"bytes {offset} to {offset + size} lie behind the file's end")
    return np.frombuffer(data, np.uint8, size, offset)
