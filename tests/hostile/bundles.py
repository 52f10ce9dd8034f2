"""Archives that are broken, ambiguous or larger inside than outside, and good ones."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO

from tests.hostile.crafted import good_model

Make = Callable[[], bytes]

BUNDLES: dict[str, tuple[Make, str | None]] = {}


def bundle(refusal: str | None) -> Callable[[Make], Make]:
    """Register an archive and what its refusal says; None where it is converted."""

    def register(make: Make) -> Make:
        BUNDLES[make.__name__] = (make, refusal)
        return make

    return register


@dataclass(frozen=True)
class Entry:
    """An entry of an archive: what it holds, and what its headers say about it.

    Where ``header`` says where it begins, nothing of it is written.
    """

    data: bytes = field(default_factory=good_model)
    name: bytes = b"model.tflite"
    local_name: bytes | None = None
    flags: int = 0
    method: int = 0
    attributes: int = 0
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    local_crc: int | None = None
    header: int | None = None


@dataclass(frozen=True)
class Archive:
    """An archive as bytes: its entries, and what the record at its end says."""

    entries: tuple[Entry, ...]
    prefix: bytes = b""
    suffix: bytes = b""
    count: int | None = None
    disk: int = 0
    start: int | None = None
    comment: bytes = b""

    def data(self) -> bytes:
        """Return the file."""
        out, central = bytearray(self.prefix), bytearray()
        for entry in self.entries:
            header = len(out) if entry.header is None else entry.header
            out += _local(entry) if entry.header is None else b""
            central += _central(entry, header)
        start = len(out) if self.start is None else self.start
        count = len(self.entries) if self.count is None else self.count
        out += central
        sizes = (count, count, len(central), start, len(self.comment))
        out += struct.pack("<4s4H2LH", b"PK\5\6", self.disk, self.disk, *sizes)
        return bytes(out) + self.comment + self.suffix


def _fields(entry: Entry) -> tuple[bytes, int, int, int]:
    packed = entry.data if entry.packed is None else entry.packed
    crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
    size = len(entry.data) if entry.size is None else entry.size
    packed_size = len(packed) if entry.packed_size is None else entry.packed_size
    return packed, crc, packed_size, size


def _local(entry: Entry) -> bytes:
    packed, crc, packed_size, size = _fields(entry)
    crc = crc if entry.local_crc is None else entry.local_crc
    name = entry.name if entry.local_name is None else entry.local_name
    sizes = (crc, packed_size, size, len(name), 0)
    return (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, entry.flags, entry.method, 0, 33, *sizes)
        + name
        + packed
    )


def _central(entry: Entry, header: int) -> bytes:
    _, crc, packed_size, size = _fields(entry)
    start = (
        b"PK\1\2",
        20,
        20,
        entry.flags,
        entry.method,
        0,
        33,
        crc,
        packed_size,
        size,
    )
    end = (len(entry.name), 0, 0, 0, 0, entry.attributes, header)
    return struct.pack("<4s6H3L5H2L", *start, *end) + entry.name


def deflated(data: bytes, **fields: object) -> Entry:
    """Return an entry that is packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    return replace(Entry(data, method=8, packed=packed), **fields)  # type: ignore[arg-type]


def _of(*entries: Entry) -> bytes:
    return Archive(entries).data()


@bundle(None)
def stored() -> bytes:
    return _of(Entry())


@bundle(None)
def packed() -> bytes:
    return _of(deflated(good_model()))


@bundle(None)
def by_pythons_zipfile() -> bytes:
    """As written to a pipe: sizes follow the data instead of standing before them."""

    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

        seek = tell

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/model.tflite", good_model())
        archive.writestr("README.txt", "words")
    return pipe.getvalue()


@bundle(None)
def with_a_comment() -> bytes:
    return Archive((Entry(),), comment=b"PK, but no end").data()


@bundle(None)
def behind_two_zeros() -> bytes:
    """So official bundles begin, for the alignment of the first model."""
    return Archive((Entry(),), prefix=b"\0\0").data()


@bundle(None)
def two_levels_deep() -> bytes:
    inner = _of(Entry())
    middle = _of(Entry(inner, b"inner.task"))
    return _of(Entry(middle, b"middle.task"))


@bundle("bundles in bundles in bundles")
def three_levels_deep() -> bytes:
    return _of(Entry(two_levels_deep(), b"outer.task"))


@bundle("no .tflite or .task file in it")
def without_a_model() -> bytes:
    return _of(Entry(b"words", b"README.txt"))


@bundle("no .tflite or .task file in it")
def without_anything() -> bytes:
    return _of()


@bundle("not a TFLite model: a PNG image")
def with_a_picture_for_a_model() -> bytes:
    return _of(Entry(b"\x89PNG\r\n\x1a\n" + bytes(64)))


@bundle("the file is empty")
def with_an_empty_model() -> bytes:
    return _of(Entry(b""))


@bundle("it is encrypted")
def encrypted() -> bytes:
    return _of(Entry(flags=1))


@bundle("packed by method 14")
def packed_otherwise() -> bytes:
    return _of(Entry(method=14))


@bundle("it is a symbolic link")
def symbolic_link() -> bytes:
    return _of(Entry(b"/etc/passwd", attributes=0o120777 << 16))


@bundle("another one of this name")
def name_twice() -> bytes:
    return _of(Entry(), Entry())


@bundle("its path leads out of the archive")
def absolute_path() -> bytes:
    return _of(Entry(name=b"/model.tflite"))


@bundle("its path leads out of the archive")
def parent_path() -> bytes:
    return _of(Entry(name=b"models/../../model.tflite"))


@bundle("its path leads out of the archive")
def drive_path() -> bytes:
    return _of(Entry(name=b"C:model.tflite"))


@bundle("its path leads out of the archive")
def backslash_path() -> bytes:
    return _of(Entry(name=b"..\\model.tflite"))


@bundle("its path leads out of the archive")
def name_with_a_zero() -> bytes:
    return _of(Entry(name=b"model.tflite\0.txt"))


@bundle("its path leads out of the archive")
def name_of_nothing() -> bytes:
    return _of(Entry(name=b""), Entry())


@bundle("its name is not UTF-8")
def name_not_utf8() -> bytes:
    return _of(Entry(name=b"\xff\xfe.tflite"))


@bundle("its name is too long")
def name_too_long() -> bytes:
    return _of(Entry(name=b"x" * 2000 + b".tflite"))


@bundle("its two headers differ")
def two_names() -> bytes:
    return _of(Entry(local_name=b"other.tflite"))


@bundle("its two headers differ")
def two_checksums() -> bytes:
    return _of(Entry(local_crc=1))


@bundle("does not match its checksum")
def wrong_checksum() -> bytes:
    return _of(Entry(crc=1))


@bundle("its two sizes differ")
def stored_with_two_sizes() -> bytes:
    return _of(Entry(size=10))


@bundle("its packed size is wrong|does not match its checksum")
def unpacks_to_more_than_it_says() -> bytes:
    return _of(deflated(good_model(), size=100))


@bundle("its packed size is wrong|does not match its checksum")
def unpacks_to_less_than_it_says() -> bytes:
    return _of(deflated(good_model(), size=len(good_model()) + 1))


@bundle("it cannot be unpacked")
def packed_nonsense() -> bytes:
    return _of(Entry(method=8, packed=b"\xff" * 100))


@bundle("its packed size is wrong")
def packed_data_cut_off() -> bytes:
    whole = deflated(good_model())
    assert whole.packed is not None
    return _of(replace(whole, packed=whole.packed[:-10]))


@bundle("its packed size is wrong")
def packed_data_and_more() -> bytes:
    whole = deflated(good_model())
    assert whole.packed is not None
    return _of(replace(whole, packed=whole.packed + b"more"))


@bundle("it overlaps another one")
def overlapping_entries() -> bytes:
    """The second entry is what the first one holds: so bombs of many entries are made."""
    second = Entry(name=b"second.tflite")
    first = Entry(_local(second), b"first.tflite")
    return _of(first, replace(second, header=len(_local(replace(first, data=b"")))))


@bundle("it overlaps another one")
def header_behind_the_end() -> bytes:
    return _of(Entry(header=2**31))


@bundle("too many to unpack")
def bomb_of_one_entry() -> bytes:
    return _of(deflated(good_model() + bytes(2**26)))


@bundle("too many to unpack")
def bomb_that_nobody_asked_for() -> bytes:
    """Its model is good; what lies beside it would fill the memory of a careless one."""
    return _of(Entry(), deflated(bytes(2**26), name=b"beside.bin"))


@bundle("too many to unpack")
def bomb_of_many_entries() -> bytes:
    """Each entry has a harmless ratio and size; together they have not."""
    part = deflated(bytes(2**20))
    return _of(*(replace(part, name=b"%d.tflite" % i) for i in range(64)))


@bundle("too many to unpack")
def bomb_in_a_bundle() -> bytes:
    inner = _of(deflated(bytes(2**24)))
    return _of(deflated(inner, name=b"inner.task"))


@bundle("more than 10000 entries")
def too_many_entries() -> bytes:
    return _of(*(Entry(b"", b"%d.txt" % i) for i in range(10_001)))


@bundle("more than 10000 entries")
def too_many_entries_in_bundles() -> bytes:
    inner = _of(Entry(), *(Entry(b"", b"%d.txt" % i) for i in range(6_000)))
    return _of(Entry(inner, b"a.task"), Entry(inner, b"b.task"))


@bundle("several volumes or is a zip64")
def second_volume() -> bytes:
    return Archive((Entry(),), disk=1).data()


@bundle("its central directory is cut off")
def more_entries_than_there_are() -> bytes:
    return Archive((Entry(),), count=2).data()


@bundle("central directory has the wrong size")
def fewer_entries_than_there_are() -> bytes:
    return Archive((Entry(), Entry(name=b"hidden.tflite")), count=1).data()


@bundle("central directory is not where it should be")
def directory_elsewhere() -> bytes:
    return Archive((Entry(),), start=4).data()


@bundle("its end is missing")
def with_something_behind_it() -> bytes:
    return Archive((Entry(),), suffix=b"more").data()


@bundle("its end is missing")
def cut_off() -> bytes:
    return _of(Entry())[:-30]


@bundle("its end is missing")
def only_a_beginning() -> bytes:
    return b"PK\3\4"
