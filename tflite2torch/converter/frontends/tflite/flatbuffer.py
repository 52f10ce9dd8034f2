"""A bounded reader of FlatBuffers: nothing is used before all is known to be sound.

It does the checks of the C++ verifier (bounds, alignment, terminated strings, counts)
and decodes on the way, in time and memory linear in the file: what is referred to twice
is read once, and what is referred to may not overlap.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflite2torch.converter.graph.value import Array

MAX_SIZE = 2**31 - 1
"""The largest FlatBuffer, in bytes: its offsets are 32-bit numbers with a sign."""

MAX_OBJECTS = 100_000
"""The most tables, vectors and strings of a file: 15 times what official ones have."""

_SCALARS = {
    "bool": "<?",
    "i8": "<b",
    "u8": "<B",
    "i16": "<h",
    "u16": "<H",
    "i32": "<i",
    "u32": "<I",
    "i64": "<q",
    "u64": "<Q",
    "f32": "<f",
    "f64": "<d",
}
_I32 = struct.Struct("<i").unpack_from
_U32 = struct.Struct("<I").unpack_from
_VTABLE = struct.Struct("<HH").unpack_from

Read = Callable[[int], Any]


class FormatError(Exception):
    """What is wrong with a file, and where in it; who reads it adds name and remedy.

    ``path`` gathers the place from the inside out while the error travels.
    """

    def __init__(self, cause: str, *path: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.path = list(path)

    def __str__(self) -> str:
        place = ""
        for part in reversed(self.path):
            place += part if not place or part[0] in ".[" else f", {part}"
        return f"{place.lstrip('.')}: {self.cause}" if place else self.cause


class Table(dict[str, Any]):
    """The fields that a table holds, by name; ``at`` is where it lies in the file."""

    __slots__ = ("at", "type")

    def __init__(self, at: int, type: str) -> None:
        super().__init__()
        self.at = at
        self.type = type


@dataclass(frozen=True)
class Field:
    """A field of a table: its slot in the vtable, its type as the schema spells it."""

    name: str
    slot: int
    type: str


class Schema:
    """The tables and unions of a FlatBuffers schema, from the text that lists them."""

    def __init__(self, tables: str, unions: str) -> None:
        self.unions = dict(_entries(unions))
        self._lines = dict(_entries(tables))
        self._fields: dict[str, list[Field]] = {}

    def fields(self, table: str) -> list[Field]:
        """Return the fields of a table; one that the schema does not list has none."""
        known = self._fields.get(table)
        if known is None:
            known = self._fields[table] = self._parse(self._lines.get(table, []))
        return known

    def _parse(self, words: list[str]) -> list[Field]:
        fields, slot = [], 0
        for word in words:
            name, _, type_ = word.partition(":")
            if type_ in self.unions:
                fields.append(Field(f"{name}_type", slot, "u8"))
                slot += 1
            if type_:
                fields.append(Field(name, slot, type_))
            slot += 1
        return fields


def _entries(text: str) -> list[tuple[str, list[str]]]:
    words = [line.split() for line in text.replace("\n ", " ").splitlines()]
    return [(entry[0], entry[1:]) for entry in words if entry]


@dataclass(frozen=True)
class _Plan:
    """How to read the tables that share a vtable."""

    extent: int
    wide: list[int]
    fields: list[tuple[str, int, Read]]
    unions: list[tuple[str, list[str]]]


class Decoder:
    """Reads one FlatBuffer; raises FormatError at whatever is not sound."""

    def __init__(self, data: bytes, schema: Schema) -> None:
        self._data = data
        self._size = len(data)
        self._schema = schema
        self._plans: dict[tuple[str, int], _Plan] = {}
        self._seen: dict[tuple[str, int], Any] = {}
        self._payload = 0
        self._reads: dict[str, Read] = {"string": self._string}

    def root(self, identifier: bytes, type: str) -> Table:
        """Return the root table with all that hangs on it.

        Raises FormatError; strings that are not UTF-8 are an error too.
        """
        if not 8 <= self._size <= MAX_SIZE:
            raise FormatError(f"a file of {self._size} bytes")
        if self._data[4:8] != identifier:
            raise FormatError(f"the identifier {identifier.decode()} is missing")
        return self._table(type, self._follow(0))

    def _read(self, type: str) -> Read:
        """Return the function that reads a field of this type."""
        read = self._reads.get(type)
        if read is None:
            read = self._reads[type] = self._reader(type)
        return read

    def _reader(self, type: str) -> Read:
        if type in _SCALARS:
            unpack, data = struct.Struct(_SCALARS[type]).unpack_from, self._data
            return lambda at: unpack(data, at)[0]
        if type in self._schema.unions:
            return self._follow
        if not type.startswith("["):
            return lambda at: self._table(type, self._follow(at))
        element = type[1:-1]
        if element in _SCALARS:
            dtype = np.dtype(_SCALARS[element])
            return lambda at: self._array(type, self._follow(at), dtype)
        read = self._read(element)
        return lambda at: self._items(type, self._follow(at), read)

    def _u32(self, at: int) -> int:
        value: int = _U32(self._data, at)[0]
        return value

    def _follow(self, at: int) -> int:
        """Return where the offset that stands at ``at`` points to."""
        offset = self._u32(at)
        if not 0 < offset < 2**31 or at + offset >= self._size:
            raise FormatError(f"its offset {offset} leads out of the file")
        return at + offset

    def _remember(self, type: str, at: int, value: Any, payload: int) -> None:
        self._seen[type, at] = value
        self._payload += payload
        if len(self._seen) > MAX_OBJECTS:
            raise FormatError(f"more than {MAX_OBJECTS} objects")
        if self._payload > self._size:
            raise FormatError("it overlaps other parts of the file")

    def _table(self, type: str, at: int) -> Table:
        seen: Table | None = self._seen.get((type, at))
        if seen is not None:
            return seen
        if at & 3 or at + 4 > self._size:
            raise FormatError(f"no {type} table can stand at byte {at}")
        vtable = at - _I32(self._data, at)[0]
        plan = self._plans.get((type, vtable)) or self._plan(type, vtable)
        if at + plan.extent > self._size:
            raise FormatError(f"the {type} table at byte {at} is cut off")
        if plan.wide and any((at + offset) & 7 for offset in plan.wide):
            raise FormatError(f"the {type} table at byte {at} is not aligned")
        table = Table(at, type)
        self._remember(type, at, table, 4)
        name = ""
        try:
            for name, offset, read in plan.fields:
                table[name] = read(at + offset)
            for name, members in plan.unions:
                number = table.get(f"{name}_type", 0)
                known = 0 < number <= len(members)
                target = table[name]
                table[name] = (
                    self._table(members[number - 1], target) if known else None
                )
        except FormatError as error:
            error.path.append(f".{name}")
            raise
        return table

    def _plan(self, type: str, vtable: int) -> _Plan:
        """Check a vtable, and say how to read the tables of this type that use it."""
        if vtable & 1 or not 0 <= vtable <= self._size - 4:
            raise FormatError(f"its vtable cannot stand at byte {vtable}")
        size, extent = _VTABLE(self._data, vtable)
        if size & 1 or size < 4 or vtable + size > self._size:
            raise FormatError(f"its vtable cannot have {size} bytes")
        slots = struct.unpack_from(f"<{size // 2 - 2}H", self._data, vtable + 4)
        plan = _Plan(extent, [], [], [])
        for field in self._schema.fields(type):
            offset = slots[field.slot] if field.slot < len(slots) else 0
            if offset:
                self._add(plan, field, offset)
        self._plans[type, vtable] = plan
        return plan

    def _add(self, plan: _Plan, field: Field, offset: int) -> None:
        width = struct.calcsize(_SCALARS.get(field.type, "<I"))
        if offset + width > plan.extent or offset % min(width, 4):
            raise FormatError(f"its {field.name} cannot stand at {offset}")
        if width == 8:
            plan.wide.append(offset)
        plan.fields.append((field.name, offset, self._read(field.type)))
        if field.type in self._schema.unions:
            plan.unions.append((field.name, self._schema.unions[field.type]))

    def _vector(self, at: int, width: int) -> int:
        """Return how many elements the vector at ``at`` has, all inside the file."""
        if at & 3 or at + 4 > self._size:
            raise FormatError(f"no vector can stand at byte {at}")
        count = self._u32(at)
        if at + 4 + count * width > self._size:
            raise FormatError(f"its {count} elements run past the end of the file")
        return count

    def _array(self, type: str, at: int, dtype: np.dtype[Any]) -> Array:
        known: Array | None = self._seen.get((type, at))
        if known is not None:
            return known
        count = self._vector(at, dtype.itemsize)
        array = np.frombuffer(self._data, dtype, count, at + 4)
        self._remember(type, at, array, array.nbytes)
        return array

    def _items(self, type: str, at: int, read: Read) -> list[Any]:
        known: list[Any] | None = self._seen.get((type, at))
        if known is not None:
            return known
        count = self._vector(at, 4)
        items: list[Any] = []
        self._remember(type, at, items, 4 * count)
        try:
            for position in range(at + 4, at + 4 + 4 * count, 4):
                items.append(read(position))
        except FormatError as error:
            error.path.append(f"[{len(items)}]")
            raise
        return items

    def _string(self, at: int) -> str:
        at = self._follow(at)
        known: str | None = self._seen.get(("string", at))
        if known is not None:
            return known
        count = self._vector(at, 1)
        end = at + 4 + count
        if end >= self._size or self._data[end]:
            raise FormatError("a string without its end")
        try:
            text = self._data[at + 4 : end].decode()
        except UnicodeDecodeError as error:
            raise FormatError(f"a string that is not UTF-8 ({error})") from error
        self._remember("string", at, text, count)
        return text
