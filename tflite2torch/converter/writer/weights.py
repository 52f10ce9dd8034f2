"""Weights as the bytes of a safetensors or ``.pth`` file, the same every time."""

from __future__ import annotations

import io
import json
import math
import pickle
import struct
import zipfile
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import numpy as np
from safetensors.numpy import save

from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.graph.value import Array, Shape

WeightsFormat = Literal["safetensors", "pth"]
FloatType = Literal["float32", "float16"]

_TORCH_STORAGES = {
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int8": "CharStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}

# PyTorchStreamWriter places every record at a multiple of 64 bytes, so that a tensor
# can be used where it is mapped. "FB" marks the zip extra field that it pads with.
_ALIGNMENT = 64
_PADDING_FIELD = b"FB"
_ZIP_HEADER_SIZE = 30
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def serialize_weights(
    tensors: Mapping[str, Array],
    format: WeightsFormat = "safetensors",
    dtype: FloatType = "float32",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return a file that holds a module's ``state_dict``.

    Args:
        tensors: arrays by their key, in the order of the ``state_dict``. A ``.pth``
            keeps the order; safetensors sorts by element type and key.
        format: ``safetensors``, or ``pth`` for what ``torch.load`` reads, with
            ``weights_only=True`` and ``mmap=True`` too.
        dtype: what float16 and float32 arrays are written as; float16 widens exactly.
            Arrays of other types stay as they are.
        metadata: texts for the header of a safetensors file; a ``.pth`` has no place for them.

    Raises:
        OutputError: a finite value overflows float16, or ``.pth`` lacks the type.
    """
    stored = {key: _stored(key, array, dtype) for key, array in tensors.items()}
    if format == "safetensors":
        return _with_metadata(save(stored), metadata or {})
    return _torch_archive(stored)


def _with_metadata(file: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file with texts in its header.

    ``save`` takes them too, and writes them in another order every time.
    """
    (length,) = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + length])
    if metadata:
        header = {"__metadata__": dict(metadata), **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # data are aligned to 8 bytes
    return struct.pack("<Q", len(text)) + text + file[8 + length :]


def _stored(key: str, array: Array, dtype: FloatType) -> Array:
    """Return the array as it is written: final type, little-endian, contiguous."""
    own = array.dtype.name
    target = np.dtype(dtype if own in get_args(FloatType) else own)
    with np.errstate(over="ignore"):
        stored = array.astype(target.newbyteorder("<"), order="C", copy=False)
    if target == np.float16:
        _refuse_overflow(key, array, stored)
    return stored


def _refuse_overflow(key: str, array: Array, stored: Array) -> None:
    """Raise OutputError where a finite value became infinite."""
    overflows = np.isinf(stored) & np.isfinite(array)
    if overflows.any():
        value = array[overflows].flat[0]
        raise OutputError(f"{key}: {value} is too large for float16; use --dtype float32")


def _torch_archive(tensors: Mapping[str, Array]) -> bytes:
    """Return the zip archive that ``torch.save`` writes for an ``OrderedDict``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:

        def record(name: str, data: bytes | memoryview) -> None:
            archive.writestr(_aligned_entry(f"archive/{name}", stream.tell()), data)

        record("data.pkl", _pickled_state_dict(tensors))
        record(".format_version", b"1")
        record(".storage_alignment", str(_ALIGNMENT).encode())
        record("byteorder", b"little")
        for index, array in enumerate(tensors.values()):
            record(f"data/{index}", array.reshape(-1).view(np.uint8).data)
        record("version", b"3\n")
    return stream.getvalue()


def _aligned_entry(name: str, offset: int) -> zipfile.ZipInfo:
    """Return an uncompressed zip entry whose data will start at an aligned offset."""
    entry = zipfile.ZipInfo(name, _EARLIEST_ZIP_DATE)
    entry.create_system = 0
    field_start = offset + _ZIP_HEADER_SIZE + len(name)
    padding = -(field_start + 4) % _ALIGNMENT
    entry.extra = _PADDING_FIELD + struct.pack("<H", padding) + bytes(padding)
    return entry


def _pickled_state_dict(tensors: Mapping[str, Array]) -> bytes:
    """Return the protocol 2 pickle of an ``OrderedDict`` of tensors."""
    parts = [pickle.PROTO, b"\x02", _empty_ordered_dict(), pickle.MARK]
    for index, (key, array) in enumerate(tensors.items()):
        parts += [_text(key), _pickled_tensor(key, array, str(index))]
    return b"".join([*parts, pickle.SETITEMS, pickle.STOP])


def _pickled_tensor(key: str, array: Array, storage: str) -> bytes:
    """Return a call of ``torch._utils._rebuild_tensor_v2`` on a persistent storage."""
    kind = _TORCH_STORAGES.get(array.dtype.name)
    if kind is None:
        raise OutputError(
            f"{key}: .pth files have no type {array.dtype.name}; use --format safetensors"
        )
    location = _tuple(
        [
            _text("storage"),
            _global("torch", kind),
            _text(storage),
            _text("cpu"),
            _integer(array.size),
        ]
    )
    arguments = _tuple(
        [
            location + pickle.BINPERSID,
            _integer(0),
            _tuple(map(_integer, array.shape)),
            _tuple(map(_integer, _contiguous_strides(array.shape))),
            pickle.NEWFALSE,
            _empty_ordered_dict(),
        ]
    )
    return _global("torch._utils", "_rebuild_tensor_v2") + arguments + pickle.REDUCE


def _contiguous_strides(shape: Shape) -> Shape:
    """Return how many elements lie between two neighbours along each axis."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _empty_ordered_dict() -> bytes:
    return _global("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    data = text.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def _integer(number: int) -> bytes:
    return pickle.BININT + struct.pack("<i", number)


def _tuple(items: Iterable[bytes]) -> bytes:
    return pickle.MARK + b"".join(items) + pickle.TUPLE
