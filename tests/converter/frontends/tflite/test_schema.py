"""The schema's text agrees with the bindings that TFLite's runtime ships."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as bindings

from tflite2torch.converter.frontends.tflite.flatbuffer import Field
from tflite2torch.converter.frontends.tflite.schema import TFLITE

SCALARS = {
    "Bool": "bool",
    "Int8": "i8",
    "Uint8": "u8",
    "Uint16": "u16",
    "Int32": "i32",
    "Uint32": "u32",
    "Int64": "i64",
    "Uint64": "u64",
    "Float32": "f32",
}
UNIONS = (
    "QuantizationDetails",
    "SparseIndexVector",
    "BuiltinOptions",
    "BuiltinOptions2",
)
TABLES = sorted(
    name
    for name, item in vars(bindings).items()
    if inspect.isclass(item) and hasattr(item, f"GetRootAs{name}")
)


def _snake(name: str) -> str:
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _type(source: str) -> str:
    """Return the schema's type of a field, from the source of its accessor."""
    if "_tab.Union" in source:
        return "union"
    if "_tab.String" in source:
        kind = "string"
    elif found := re.search(r"obj = (\w+)\(\)", source):
        kind = found[1]
    else:
        found = re.search(r"number_types\.(\w+)Flags, (?:o \+|a \+)", source)
        assert found, source
        kind = SCALARS[found[1]]
    return f"[{kind}]" if "(self, j)" in source else kind


def _fields(table: Any) -> dict[int, Field]:
    """Return the fields of a table of the bindings, by their slots."""
    fields = {}
    for name, method in inspect.getmembers(table, inspect.isfunction):
        source = inspect.getsource(method)
        slot = re.search(r"_tab\.Offset\((\d+)\)", source)
        helper = name.endswith(("AsNumpy", "IsNone")) or "VectorLen(o)" in source
        if slot and not helper:
            number = (int(slot[1]) - 4) // 2
            fields[number] = Field(_snake(name), number, _type(source))
    return fields


@pytest.mark.parametrize("table", TABLES)
def test_table(table: str) -> None:
    expected = _fields(getattr(bindings, table))
    stated = {
        field.slot: Field(field.name, field.slot, "union") if field.type in UNIONS else field
        for field in TFLITE.fields(table)
    }
    assert stated == expected


@pytest.mark.parametrize("union", UNIONS)
def test_union(union: str) -> None:
    members = vars(getattr(bindings, union)).items()
    numbers = {number: name for name, number in members if isinstance(number, int)}
    assert numbers.pop(0) == "NONE"
    assert TFLITE.unions[union] == [numbers[i + 1] for i in range(len(numbers))]


def test_every_table_can_be_reached_only_finitely_deep() -> None:
    """The reader calls itself for tables in tables: the schema bounds how deep."""

    def depth(table: str, above: tuple[str, ...] = ()) -> int:
        assert table not in above
        below = [0]
        for field in TFLITE.fields(table):
            kind = field.type.strip("[]")
            below += [
                depth(name, (*above, table))
                for name in TFLITE.unions.get(kind, [kind])
                if TFLITE.fields(name)
            ]
        return 1 + max(below)

    assert depth("Model") == 6
