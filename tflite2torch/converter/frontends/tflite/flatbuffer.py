"""A verifying decoder for FlatBuffers from untrusted sources.

Performs the checks of the C++ verifier (bounds, alignment, string terminators, number of
objects) while decoding, in time and memory linear in the size of the file: an object that is
referenced twice is decoded once, and objects must not overlap.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflite2torch.converter.graph.value import Array

MAX_SIZE = 2**31 - 1
"""Maximum size of a FlatBuffer in bytes; offsets are signed 32-bit integers."""

MAX_OBJECTS = 100_000
"""Maximum number of tables, vectors and strings; 15 times that of official models."""

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
_U16 = struct.Struct("<H").unpack_from
_U32 = struct.Struct("<I").unpack_from
_VTABLE = struct.Struct("<HH").unpack_from

Read = Callable[[int], Any]
"""Decodes the field or vector element at an offset."""


class FormatError(Exception):
    """A malformed file. Callers that know the file's name turn it into InvalidModelError.

    ``path`` locates the error inside the file, innermost part first: each caller appends
    its own part while the error propagates.
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
    """The fields present in a table, by name; ``at`` is the table's offset in the file."""

    __slots__ = ("at", "type")

    def __init__(self, at: int, type: str) -> None:
        super().__init__()
        self.at = at
        self.type = type


@dataclass(frozen=True)
class Field:
    """A field of a table: its name, its slot in the vtable, and its type in the schema."""

    name: str
    slot: int
    type: str


class Schema:
    """The tables and unions of a FlatBuffers schema, parsed from text (see ``schema.py``)."""

    def __init__(self, tables: str, unions: str) -> None:
        self.unions = dict(_entries(unions))
        self._lines = dict(_entries(tables))
        self._fields: dict[str, list[Field]] = {}

    def fields(self, table: str) -> list[Field]:
        """Return the fields of a table; empty for a table that the schema does not list."""
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
    """How to decode the tables that share a vtable.

    Attributes:
        extent: size of the table in bytes.
        wide: offsets of its 8-byte fields.
        fields: name, offset in the table and decoder of each field that is present.
        unions: name and member tables of each union that is present.
    """

    extent: int
    wide: list[int]
    fields: list[tuple[str, int, Read]]
    unions: list[tuple[str, list[str]]]


class Decoder:
    """Decodes one FlatBuffer; raises FormatError if it is malformed."""

    def __init__(self, data: bytes, schema: Schema) -> None:
        self._data = data
        self._size = len(data)
        self._schema = schema
        self._plans: dict[tuple[str, int], _Plan] = {}
        self._objects: dict[tuple[str, int], Any] = {}
        self._payload = 0
        self._reads: dict[str, Read] = {"string": self._string}

    def root(self, identifier: bytes, type: str) -> Table:
        """Return the root table with everything that it refers to.

        Raises FormatError, also for strings that are not UTF-8.
        """
        if not 8 <= self._size <= MAX_SIZE:
            raise FormatError(f"a file of {self._size} bytes")
        if self._data[4:8] != identifier:
            raise FormatError(f"the identifier {identifier.decode()} is missing")
        return self._table(type, self._follow(0))

    def _read(self, type: str) -> Read:
        """Return the decoder of fields of this type, creating it once."""
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
        """Return the target of the relative offset stored at ``at``.

        Offsets are positive, so that no chain of references can form a cycle.
        """
        offset = self._u32(at)
        if not 0 < offset < 2**31 or at + offset >= self._size:
            raise FormatError(f"its offset {offset} leads out of the file")
        return at + offset

    def _remember(self, type: str, at: int, value: Any, payload: int) -> None:
        """Record an object with its size in bytes; FormatError if there are too many."""
        self._objects[type, at] = value
        self._payload += payload
        # A Python object costs far more memory than the few bytes that declare it.
        if len(self._objects) > MAX_OBJECTS:
            raise FormatError(f"more than {MAX_OBJECTS} objects")
        # Each object is counted once, so that only overlapping ones add up to more than the
        # file. Without this, a vector that begins at every fourth byte of another one would
        # make the decoded data quadratic in the size of the file.
        if self._payload > self._size:
            raise FormatError("it overlaps other parts of the file")

    def _table(self, type: str, at: int) -> Table:
        known: Table | None = self._objects.get((type, at))
        if known is not None:
            return known
        if at & 3 or at + 4 > self._size:
            raise FormatError(f"no {type} table can stand at byte {at}")
        vtable = at - _I32(self._data, at)[0]
        plan = self._plans.get((type, vtable)) or self._plan(type, vtable)
        if at + plan.extent > self._size:
            raise FormatError(f"the {type} table at byte {at} is cut off")
        # Whether 8-byte fields are aligned depends on the table, not only on its vtable.
        if plan.wide and any((at + offset) & 7 for offset in plan.wide):
            raise FormatError(f"the {type} table at byte {at} is not aligned")
        table = Table(at, type)
        # The reference to the vtable is the least that a table takes. Fields decode their own
        # tables recursively; no table of the schema contains itself, which bounds the depth.
        self._remember(type, at, table, 4)
        name = ""
        try:
            for name, offset, read in plan.fields:
                table[name] = read(at + offset)
            # The type of a union's table is a field of its own, which by now is decoded. Types
            # newer than this schema become None.
            for name, members in plan.unions:
                number, target = table.get(f"{name}_type", 0), table[name]
                table[name] = None
                if 0 < number <= len(members):
                    table[name] = self._table(members[number - 1], target)
        except FormatError as error:
            error.path.append(f".{name}")
            raise
        return table

    def _plan(self, type: str, vtable: int) -> _Plan:
        """Verify a vtable and return how to decode the tables of this type that use it.

        Most tables share a few vtables: verifying each once is what makes decoding fast.
        """
        if vtable & 1 or not 0 <= vtable <= self._size - 4:
            raise FormatError(f"its vtable cannot stand at byte {vtable}")
        size, extent = _VTABLE(self._data, vtable)
        if size & 1 or size < 4 or vtable + size > self._size:
            raise FormatError(f"its vtable cannot have {size} bytes")
        plan = _Plan(extent, [], [], [])
        for field in self._schema.fields(type):
            # Slots beyond the schema are not read: a vtable may state thousands of them, and
            # may overlap with others, so that reading all would take quadratic time.
            place = 4 + 2 * field.slot
            offset = _U16(self._data, vtable + place)[0] if place < size else 0
            if offset:
                self._add(plan, field, offset)
        self._plans[type, vtable] = plan
        return plan

    def _add(self, plan: _Plan, field: Field, offset: int) -> None:
        """Add a field at an offset in the table to a plan."""
        width = struct.calcsize(_SCALARS.get(field.type, "<I"))
        if offset + width > plan.extent or offset % min(width, 4):
            raise FormatError(f"its {field.name} cannot stand at {offset}")
        if width == 8:
            plan.wide.append(offset)
        plan.fields.append((field.name, offset, self._read(field.type)))
        if field.type in self._schema.unions:
            plan.unions.append((field.name, self._schema.unions[field.type]))

    def _vector(self, at: int, width: int) -> int:
        """Return the length of the vector at ``at``, whose elements have ``width`` bytes."""
        if at & 3 or at + 4 > self._size:
            raise FormatError(f"no vector can stand at byte {at}")
        count = self._u32(at)
        if at + 4 + count * width > self._size:
            raise FormatError(f"its {count} elements run past the end of the file")
        return count

    def _array(self, type: str, at: int, dtype: np.dtype[Any]) -> Array:
        known: Array | None = self._objects.get((type, at))
        if known is not None:
            return known
        count = self._vector(at, dtype.itemsize)
        # A view, so that weights are neither copied nor, as bytes are immutable, writable.
        array = np.frombuffer(self._data, dtype, count, at + 4)
        self._remember(type, at, array, array.nbytes)
        return array

    def _items(self, type: str, at: int, read: Read) -> list[Any]:
        known: list[Any] | None = self._objects.get((type, at))
        if known is not None:
            return known
        count = self._vector(at, 4)
        items: list[Any] = []
        # Counted before the elements are decoded, so that a huge vector is refused first.
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
        known: str | None = self._objects.get(("string", at))
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
