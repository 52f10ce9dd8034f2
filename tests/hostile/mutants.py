"""Damaged copies of good models: the same seed always gives the same files."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.frontends.tflite.flatbuffer import Decoder, Table
from tflite2torch.converter.frontends.tflite.schema import IDENTIFIER, TFLITE

OFFSETS = (0, 1, 2, 4, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)
"""Numbers that readers of offsets and counts stumble over."""


_CODES = {"i8": "<b", "u8": "<B", "bool": "<B", "i32": "<i", "u32": "<I"}


@dataclass(frozen=True)
class Mutant:
    """A damaged file, and which of the damages it has."""

    damage: str
    data: bytes


class Structure:
    """Where a model keeps what is not weights: damage there is what readers see."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        root = Decoder(data, TFLITE).root(IDENTIFIER, "Model")
        tables = _tables(root)
        self.tables = [table.at for table in tables]
        self.fields = [field for table in tables for field in _fields(data, table)]
        self.spans = _without_weights(data, root["buffers"])
        self._sizes = [end - start for start, end in self.spans]

    def position(self, rng: random.Random, align: int = 1) -> int:
        """Return a random position in the structure."""
        (start, end), *_ = rng.choices(self.spans, self._sizes)
        return min(rng.randrange(start, end), len(self.data) - 8) // align * align


def mutant(structures: Sequence[Structure], seed: int, number: int) -> Mutant:
    """Return a mutant of one of these models; the same for the same seed and number."""
    rng = random.Random(f"{seed}:{number}")
    structure, damage = rng.choice(structures), rng.choice(DAMAGES)
    data = bytearray(structure.data)
    damage(data, structure, rng)
    return Mutant(damage.__name__, bytes(data))


def flip_bits(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Turn over one to eight bits."""
    for _ in range(rng.randint(1, 8)):
        data[structure.position(rng)] ^= 1 << rng.randrange(8)


def change_bytes(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Overwrite one to four bytes."""
    for _ in range(rng.randint(1, 4)):
        data[structure.position(rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))


def change_number(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Make an offset, a count or an index huge, negative, zero or random."""
    at = structure.position(rng, 4)
    value = rng.choice((*OFFSETS, len(data), rng.randrange(len(data)), rng.getrandbits(32)))
    struct.pack_into("<I", data, at, value)


def nudge_number(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Change an offset, a count or an index by a little."""
    at = structure.position(rng, 4)
    (value,) = struct.unpack_from("<I", data, at)
    step = rng.choice((-8, -4, -1, 1, 4, 8))
    struct.pack_into("<I", data, at, (value + step) % 2**32)


def change_field(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Give another value to a number that means something: a size, an index, a stride."""
    at, code = rng.choice(structure.fields)
    (value,) = struct.unpack_from(code, data, at)
    least, most = (-128, 127) if code == "<b" else (0, 255)
    if code not in ("<b", "<B"):
        least, most = (-(2**31), 2**31 - 1) if code == "<i" else (0, 2**32 - 1)
    choices = (0, 1, 2, -1, value + 1, value - 1, 2 * value, value // 2, least, most)
    struct.pack_into(code, data, at, min(max(rng.choice(choices), least), most))


def swap_fields(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Exchange two numbers that mean something."""
    first, code = rng.choice(structure.fields)
    others = [at for at, other in structure.fields if other == code]
    second, size = rng.choice(others), struct.calcsize(code)
    here, there = data[first : first + size], data[second : second + size]
    data[first : first + size], data[second : second + size] = there, here


def swap_vtables(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Let a table use the vtable of another one."""
    table, other = rng.sample(structure.tables, 2)
    vtable = other - struct.unpack_from("<i", data, other)[0]
    struct.pack_into("<i", data, table, table - vtable)


def swap_numbers(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Exchange two numbers."""
    first, second = structure.position(rng, 4), structure.position(rng, 4)
    here, there = data[first : first + 4], data[second : second + 4]
    data[first : first + 4], data[second : second + 4] = there, here


def zero_span(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Zero up to 256 bytes."""
    at = structure.position(rng)
    end = min(at + rng.randint(1, 256), len(data))
    data[at:end] = bytes(end - at)


def copy_span(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Write a piece of the structure over another one."""
    source, target = structure.position(rng, 4), structure.position(rng, 4)
    size = min(4 * rng.randint(1, 64), len(data) - max(source, target))
    data[target : target + size] = data[source : source + size]


def remove_bytes(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Remove some bytes: everything behind them moves up."""
    at = structure.position(rng)
    del data[at : at + rng.choice((1, 2, 4, 8, 64))]


def insert_bytes(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Insert some bytes: everything behind them moves down."""
    at = structure.position(rng)
    data[at:at] = bytes(rng.choice((1, 2, 4, 8, 64)))


def truncate(data: bytearray, structure: Structure, rng: random.Random) -> None:
    """Cut the file off, anywhere or just before its end."""
    size = len(data)
    del data[rng.choice((rng.randrange(size), size - rng.randint(1, 64))) :]


DAMAGES: tuple[Callable[[bytearray, Structure, random.Random], None], ...] = (
    flip_bits,
    change_bytes,
    change_number,
    nudge_number,
    change_field,
    change_field,
    swap_fields,
    swap_vtables,
    swap_numbers,
    zero_span,
    copy_span,
    remove_bytes,
    insert_bytes,
    truncate,
)


def _tables(root: Table) -> list[Table]:
    """Return all tables of a model, each once, in the order of the file."""
    tables: dict[int, Table] = {}
    waiting: list[object] = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Table) and item.at not in tables:
            tables[item.at] = item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return [tables[at] for at in sorted(tables)]


def _fields(data: bytes, table: Table) -> Iterator[tuple[int, str]]:
    """Yield where the integers of a table and of its lists stand, and how."""
    vtable = table.at - struct.unpack_from("<i", data, table.at)[0]
    for field in TFLITE.fields(table.type):
        if field.name in table:
            (offset,) = struct.unpack_from("<H", data, vtable + 4 + 2 * field.slot)
            at = table.at + offset
            if field.type in _CODES:
                yield at, _CODES[field.type]
            elif field.type == "[i32]":
                at += struct.unpack_from("<I", data, at)[0]
                (count,) = struct.unpack_from("<I", data, at)
                yield from ((at + 4 + 4 * i, "<i") for i in range(count))


def _without_weights(data: bytes, buffers: list[Table]) -> list[tuple[int, int]]:
    """Return the spans of a file between the data of its buffers."""
    origin = np.frombuffer(data, np.uint8).ctypes.data
    spans, start = [], 0
    arrays = [table["data"] for table in buffers if len(table.get("data", ()))]
    for array in sorted(arrays, key=lambda array: array.ctypes.data):
        position = array.ctypes.data - origin
        spans.append((start, position))
        start = position + array.nbytes
    spans.append((start, len(data)))
    return [(first, last) for first, last in spans if first < last]
