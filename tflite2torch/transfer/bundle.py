"""Replaces a model in a bundle, and moves nothing else in it."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.frontends.archive import Archive, Budget

LOCAL_CRC, LOCAL_SIZES = 14, 18
"""Where a local header has the checksum and both sizes of its entry (APPNOTE.TXT, 4.3.7)."""

CENTRAL_CRC, CENTRAL_SIZES, CENTRAL_HEADER, CENTRAL_NAME = 16, 20, 42, 28
"""The same of the central directory (4.3.12), the header's offset, and the lengths of texts."""

CENTRAL_SIZE, END_START = 46, 16

FOLLOWS = 0x8
"""The flag of an entry whose checksum and sizes follow its data."""

ALIGNMENT = 4
"""MediaPipe maps models into memory: their data begin at multiples of this."""


def with_entry(bundle: bytes, old: bytes, new: bytes, label: str) -> bytes:
    """Return a bundle with another file in place of one of its models.

    While sizes are equal, nothing but the model's bytes and its checksums changes. A longer or
    shorter model moves what is behind it, by a multiple of ``ALIGNMENT``.

    Args:
        bundle: a zip archive.
        old: the bytes of the model; stored as they are, and once.
        new: what takes their place.
        label: of the bundle, for messages.

    Raises:
        OutputError: the model is compressed, or in an archive of the archive.
    """
    archive = Archive(BytesIO(bundle), label, Budget(len(bundle)))
    found = [x for x in archive.entries if x.size == len(old) and archive.read(x) == old]
    if len(found) != 1 or found[0].method:
        raise OutputError(
            f"{label}: its model is compressed, or in an archive inside; only bundles of stored "
            "models are written"
        )
    [entry] = found
    name, extra = struct.unpack_from("<2H", bundle, entry.header + 26)
    start = entry.header + 30 + name + extra
    new += bytes(-(len(new) - len(old)) % ALIGNMENT)
    moved = len(new) - len(old)
    result = bytearray(bundle[:start] + new + bundle[start + len(old) :])
    crc, sizes = struct.pack("<L", zlib.crc32(new)), struct.pack("<2L", len(new), len(new))
    if entry.flags & FOLLOWS:
        at = start + len(new)
        at += 4 if result[at : at + 4] == b"PK\7\\8" else 0
        result[at : at + 12] = crc + sizes
    else:
        result[entry.header + LOCAL_CRC : entry.header + LOCAL_CRC + 4] = crc
        result[entry.header + LOCAL_SIZES : entry.header + LOCAL_SIZES + 8] = sizes
    _move_directory(result, entry.header, moved, crc, sizes)
    return bytes(result)


def _move_directory(result: bytearray, header: int, moved: int, crc: bytes, sizes: bytes) -> None:
    """Adapt the central directory to an entry of other content, and perhaps of another size."""
    end = result.rfind(b"PK\5\6")
    (at,) = struct.unpack_from("<L", result, end + END_START)
    at += moved
    struct.pack_into("<L", result, end + END_START, at)
    while at < end:
        (own,) = struct.unpack_from("<L", result, at + CENTRAL_HEADER)
        if own == header:
            result[at + CENTRAL_CRC : at + CENTRAL_CRC + 4] = crc
            result[at + CENTRAL_SIZES : at + CENTRAL_SIZES + 8] = sizes
        elif own > header:
            struct.pack_into("<L", result, at + CENTRAL_HEADER, own + moved)
        at += CENTRAL_SIZE + sum(struct.unpack_from("<3H", result, at + CENTRAL_NAME))
