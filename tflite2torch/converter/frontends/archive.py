"""A strict in-memory reader of zip archives, for bundles and wheels.

Supports the subset of zip that bundles and wheels use: one volume, stored and deflated
entries. All sizes are checked before any entry is read, and nothing is written to disk.
Anything that two zip readers could interpret differently is an error.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from tflite2torch.converter.errors import InvalidModelError

MAX_ENTRIES = 10_000
"""Maximum number of entries, nested archives included; a mediapipe wheel has 760."""

MAX_NAME = 1024
"""Maximum length of an entry's name in bytes."""

MAX_RATIO = 100
"""Maximum compression ratio of a large entry; weights hardly reach 5."""

SMALL = 2**20
"""Size in bytes up to which any compression ratio is allowed."""

_UNPACK = "unpack it yourself and give the .tflite files"
_CHUNK = 2**18
_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_PATCH = 0x20
_SIZES_FOLLOW = 0x8
_SYMLINK = 0xA000


class Budget:
    """The entries and unpacked bytes left for an archive and all archives nested in it."""

    def __init__(self, archive_size: int) -> None:
        self.entries = MAX_ENTRIES
        self.bytes = min(2**24 + 8 * archive_size, 2**31)


@dataclass(frozen=True)
class Entry:
    """A file in an archive, as described by the central directory.

    ``packed`` and ``size`` are its compressed and its uncompressed size in bytes, ``header``
    is the offset of its local header.
    """

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header: int


class Archive:
    """The entries of a zip archive; all of them are checked before any is read.

    Raises InvalidModelError, on opening and on reading, for an archive that is malformed,
    ambiguous, encrypted, or larger than ``budget`` allows.
    """

    def __init__(self, stream: BinaryIO, label: str, budget: Budget) -> None:
        self.label = label
        self.budget = budget
        self._stream = stream
        start, count, directory = self._directory()
        self.entries = list(self._parse(count, directory))
        self._check_names()
        self._data = self._locate(start)

    def read(self, entry: Entry) -> bytes:
        """Return the uncompressed content of an entry."""
        self._stream.seek(self._data[entry.name])
        stored = entry.method == _STORED
        data = self._stream.read(entry.size) if stored else self._inflate(entry)
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise self._broken(entry.name, "its content does not match its checksum")
        return data

    def _inflate(self, entry: Entry) -> bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        unpacked, left = BytesIO(), entry.packed
        try:
            # The stated size may be a lie. Inflating chunk by chunk and stopping one chunk
            # past that size bounds the memory, whatever the compressed data expand to.
            while not inflater.eof and unpacked.tell() <= entry.size:
                packed = inflater.unconsumed_tail
                if not packed:
                    packed = self._stream.read(min(left, _CHUNK))
                    left -= len(packed)
                chunk = inflater.decompress(packed, _CHUNK)
                unpacked.write(chunk)
                if not packed and not chunk:
                    break  # all input is consumed, and the stream has no end marker
        except zlib.error as error:
            raise self._broken(entry.name, f"it cannot be unpacked: {error}") from error
        # Data behind the end of the stream would be invisible here and visible to a reader
        # that trusts the size.
        if left or inflater.unused_data or not inflater.eof:
            raise self._broken(entry.name, "its packed size is wrong")
        return unpacked.getvalue()

    def _directory(self) -> tuple[int, int, bytes]:
        """Return the central directory's offset, number of entries and bytes."""
        at, tail = _tail(self._stream)
        if tail is None:
            raise self._broken("", "its end is missing")
        _, disk, first_disk, here, count, length, start, _ = _END.unpack_from(tail)
        if disk or first_disk or here != count or 0xFFFFFFFF in (length, start):
            raise self._broken("", "it has several volumes or is a zip64", _UNPACK)
        # Some readers allow a gap here, for a program in front of the archive, and shift all
        # offsets by it: they would see other entries.
        if start + length != at:
            raise self._broken("", "its central directory is not where it should be")
        self._stream.seek(start)
        return start, count, self._stream.read(length)

    def _parse(self, count: int, directory: bytes) -> Iterator[Entry]:
        self.budget.entries -= count
        if self.budget.entries < 0:
            raise self._broken("", f"it has more than {MAX_ENTRIES} entries")
        at = 0
        for _ in range(count):
            if at + _CENTRAL.size > len(directory):
                raise self._broken("", "its central directory is cut off")
            fields = _CENTRAL.unpack_from(directory, at)
            at += _CENTRAL.size
            name_size, extra_size, comment_size = fields[10:13]
            entry = self._entry(fields, directory[at : at + name_size])
            at += name_size + extra_size + comment_size
            yield entry
        if at != len(directory):
            raise self._broken("", "its central directory has the wrong size")

    def _entry(self, fields: tuple[Any, ...], raw: bytes) -> Entry:
        magic, _, _, flags, method, _, _, crc, packed, size, *rest = fields
        *_, disk, _, attributes, header = rest
        if magic != b"PK\1\2" or disk or len(raw) != fields[10]:
            raise self._broken("", "its central directory is broken")
        try:
            name = raw.decode()
        except UnicodeDecodeError as error:
            raise self._broken(ascii(raw), "its name is not UTF-8") from error
        self._check_kind(name, flags, method, attributes >> 16 & 0xF000)
        self._check_size(name, method, packed, size)
        return Entry(name, raw, flags, method, crc, packed, size, header)

    def _check_kind(self, name: str, flags: int, method: int, kind: int) -> None:
        if flags & _ENCRYPTED:
            raise self._broken(name, "it is encrypted", _UNPACK)
        if method not in (_STORED, _DEFLATED) or flags & _PATCH:
            raise self._broken(name, f"it is packed by method {method}", _UNPACK)
        if kind == _SYMLINK:
            raise self._broken(name, "it is a symbolic link")

    def _check_size(self, name: str, method: int, packed: int, size: int) -> None:
        # Many entries of a harmless ratio can still add up, hence the shared budget.
        self.budget.bytes -= size
        if self.budget.bytes < 0 or (size > SMALL and size > MAX_RATIO * packed):
            raise self._broken(name, f"{size} bytes in it are too many to unpack")
        if method == _STORED and packed != size:
            raise self._broken(name, "its two sizes differ")

    def _check_names(self) -> None:
        seen: set[str] = set()
        for entry in self.entries:
            parts = entry.name.split("/")
            if entry.name in seen:
                raise self._broken(entry.name, "there is another one of this name")
            if not parts[0] or ".." in parts or set("\\:\0") & set(entry.name):
                raise self._broken(entry.name, "its path leads out of the archive")
            if len(entry.raw_name) > MAX_NAME:
                raise self._broken(entry.name, "its name is too long")
            seen.add(entry.name)

    def _locate(self, end: int) -> dict[str, int]:
        """Return the offset of each entry's data; raise if entries overlap."""
        # A "zip bomb" points many entries at the same compressed bytes. In the order of their
        # offsets, each entry has to begin behind the end of the one before.
        offsets: dict[str, int] = {}
        free = 0
        for entry in sorted(self.entries, key=lambda entry: entry.header):
            self._stream.seek(entry.header)
            header = self._stream.read(_LOCAL.size)
            if entry.header < free or len(header) < _LOCAL.size:
                raise self._broken(entry.name, "it overlaps another one, or the end")
            data = entry.header + _LOCAL.size + self._check_local(entry, header)
            free = data + entry.packed
            if free > end:
                raise self._broken(entry.name, "it is cut off")
            offsets[entry.name] = data
        return offsets

    def _check_local(self, entry: Entry, header: bytes) -> int:
        """Compare the local header with the directory; return the length of its name and extra."""
        magic, _, flags, method, _, _, *rest, name_size, extra_size = _LOCAL.unpack(header)
        # Readers differ in which of the two headers they believe, so both have to agree. With
        # this flag the sizes follow the data, and the local header has zeros for them.
        same = (flags, method) == (entry.flags, entry.method)
        if not flags & _SIZES_FOLLOW:
            same = same and rest == [entry.crc, entry.packed, entry.size]
        name = self._stream.read(name_size)
        if magic != b"PK\3\4" or not same or name != entry.raw_name:
            raise self._broken(entry.name, "its two headers differ")
        return int(name_size + extra_size)

    def _broken(
        self, name: str, cause: str, remedy: str = "it is damaged, fetch it again"
    ) -> InvalidModelError:
        entry = f" entry {name[:80]!a}:" if name else ""
        return InvalidModelError(f"{self.label}:{entry} {cause}; {remedy}")


def has_end(stream: BinaryIO) -> bool:
    """Return whether a stream ends with a zip end record, and rewind it."""
    found = _tail(stream)[1] is not None
    stream.seek(0)
    return found


def _tail(stream: BinaryIO) -> tuple[int, bytes | None]:
    """Return the offset and bytes of the end of central directory record.

    Without such a record, return the stream's size and None.
    """
    size = stream.seek(0, os.SEEK_END)
    # A comment of up to 65535 bytes follows the record; its length has to reach the end.
    start = max(size - _END.size - 2**16 + 1, 0)
    stream.seek(start)
    tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    end = tail[at:] if at >= 0 else b""
    if len(end) < _END.size or len(end) != _END.size + _END.unpack_from(end)[-1]:
        return size, None
    return start + at, end
