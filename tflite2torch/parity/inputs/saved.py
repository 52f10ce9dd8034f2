"""Inputs read from ``.npz`` files.

A file is untrusted: the header of an array is read first, and its shape and type are compared
with those of the input before memory is allocated. Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.frontends.file import printable
from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.inputs.samples import Sample

MAX_BYTES = 1 << 30
"""The most bytes that one array may have."""

BROKEN = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What ``zipfile`` and numpy raise on a file that is damaged or no ``.npz``."""


def saved_samples(path: Path, ports: Sequence[Port]) -> list[Sample]:
    """Return the samples of an ``.npz`` file.

    It holds an array for each input under the module's name for it, in TFLite's shape.
    Several samples are stacked along the first axis, or along a new one where the input has
    no batch axis.

    Raises:
        SourceError: the file cannot be read, or does not fit the inputs.
    """
    with _opened(path) as archive:
        found = [_saved(path, archive, port) for port in ports]
    if len({len(samples) for samples in found}) != 1:
        raise SourceError(f"{path}: its arrays hold different numbers of samples")
    return [
        Sample(f"{path.name} {index}", arrays, wanted=True)
        for index, arrays in enumerate(zip(*found, strict=True))
    ]


def saved_names(path: Path) -> list[str]:
    """Return the names of the arrays in an ``.npz`` file, which are untrusted text.

    Raises:
        SourceError: the file cannot be read.
    """
    with _opened(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a file; raise SourceError where it, or what is read of it, is broken."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except BROKEN as error:
        raise SourceError(
            f"{path}: cannot be read as an .npz of numbers ({_told(error)}); write one with "
            "numpy.savez"
        ) from error


def _saved(path: Path, archive: zipfile.ZipFile, port: Port) -> list[Array]:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    if port.name not in names:
        has = printable(", ".join(names)) or "none"
        raise SourceError(f"{path}: no array named {port.name}; it has {has}")
    entry = archive.infolist()[names.index(port.name)]
    with archive.open(entry) as stream:
        shape, by_columns, dtype = _header(stream)
        if not _fits(shape, port) or dtype != port.dtype:
            raise SourceError(
                f"{path}: {port.name} is {dtype} {list(shape)}; give {port.dtype} "
                f"{list(port.tflite_shape)}, or several of these one after the other"
            )
        size = math.prod(shape) * dtype.itemsize
        if size > MAX_BYTES:
            raise SourceError(
                f"{path}: {port.name} has {size} bytes; give at most {MAX_BYTES} a file"
            )
        # One byte more than there should be: zipfile checks the CRC only at the end.
        data = stream.read(size + 1)
    if len(data) != size:
        raise ValueError(f"{port.name} is not as long as it says")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")
    count = 1 if shape == port.tflite_shape else shape[0]
    return list(array.reshape(count, *port.tflite_shape))


def _fits(shape: tuple[int, ...], port: Port) -> bool:
    """Return whether a shape is that of an input, or of several samples of it."""
    whole = port.tflite_shape
    each = whole[1:] if port.permutation[0] == 0 else whole
    return shape == whole or (shape[1:] == each and shape[:1] > (0,))


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, Fortran order, and type that the header of an array declares."""
    try:
        if npy.read_magic(stream) == (1, 0):
            return npy.read_array_header_1_0(stream)
        return npy.read_array_header_2_0(stream)
    except ValueError as error:  # numpy's message suggests allow_pickle
        raise ValueError("an array in it has no header that can be read") from error


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
