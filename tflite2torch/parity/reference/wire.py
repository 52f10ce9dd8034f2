"""Messages between this process and a worker: JSON and raw arrays, no pickle.

A message is a four-byte length, that many bytes of JSON, and the bytes of its arrays in the order
in which the JSON lists them. This file runs in MediaPipe's environment too and imports only numpy.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_HEADER = 1 << 20
"""The most bytes of JSON; a thousand tensors take a tenth of it."""

DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
)


class WireError(Exception):
    """Bytes that are no message, or a message that is too large."""


@dataclass(frozen=True)
class Message:
    """Named fields, and arrays by the index of the TFLite tensor that they hold."""

    fields: dict[str, Any] = field(default_factory=dict)
    arrays: Mapping[int, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """An array that a header announces."""

    index: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return math.prod(self.shape) * self.dtype.itemsize


def send(stream: IO[bytes], message: Message) -> None:
    """Write a message; raise WireError for an array that does not hold numbers."""
    entries = []
    for index, array in message.arrays.items():
        if array.dtype.name not in DTYPES:
            raise WireError(f"tensor {index} holds {array.dtype.name}, not numbers")
        entries.append([index, array.dtype.name, list(array.shape)])
    header = json.dumps({"fields": message.fields, "arrays": entries}).encode()
    stream.write(struct.pack("<I", len(header)) + header)
    for array in message.arrays.values():
        stream.write(np.ascontiguousarray(array).data)
    stream.flush()


def receive(stream: IO[bytes], max_bytes: int) -> Message:
    """Read one message whose arrays take at most ``max_bytes`` together.

    Raises EOFError where the stream ends and WireError where the bytes are no message.
    """
    fields, entries = receive_header(stream, max_bytes)
    return Message(fields, {e.index: read_array(stream, e) for e in entries})


def receive_header(stream: IO[bytes], max_bytes: int) -> tuple[dict[str, Any], list[Entry]]:
    """Read a message up to its arrays; ``read_array`` reads these, in order.

    Raises what ``receive`` does.
    """
    (length,) = struct.unpack("<I", _read(stream, 4))
    if length > MAX_HEADER:
        raise WireError(f"a header of {length} bytes")
    try:
        header = json.loads(_read(stream, length))
        fields = dict(header["fields"])
        entries = [_entry(*entry) for entry in header["arrays"]]
    except (ValueError, TypeError, KeyError) as error:
        raise WireError(f"a header that cannot be read ({error})") from error
    if sum(entry.size for entry in entries) > max_bytes:
        raise WireError(f"arrays of more than {max_bytes} bytes")
    return fields, entries


def read_array(stream: IO[bytes], entry: Entry, memory: Array | None = None) -> Array:
    """Read the next array of a message, into ``memory`` if given, which is large enough.

    Raises EOFError where the stream ends.
    """
    data = (np.empty(entry.size, np.uint8) if memory is None else memory)[: entry.size]
    if stream.readinto(data) < entry.size:  # type: ignore[attr-defined]
        raise EOFError
    return data.view(entry.dtype).reshape(entry.shape)


def _entry(index: int, dtype: str, shape: list[int]) -> Entry:
    numbers = [index, *shape]
    if dtype not in DTYPES or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise ValueError(f"array {index!r} of {dtype!r} {shape!r}")
    return Entry(index, np.dtype(dtype), tuple(shape))


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
