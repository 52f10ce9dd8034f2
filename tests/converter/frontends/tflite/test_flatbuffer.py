"""The verifying decoder of FlatBuffers."""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import pytest

from tflite2torch.converter.frontends.tflite import flatbuffer
from tflite2torch.converter.frontends.tflite.flatbuffer import (
    Decoder,
    FormatError,
    Schema,
)

SCHEMA = Schema(
    """
Root flag:bool count:i32 large:u64 name:string sizes:[i32] items:[Item]
    names:[string] - shape:Shape last:Item
Item weight:f32 label:string
Circle radius:f32
""",
    "Shape Circle Square\n",
)


def _item(builder: flatbuffers.Builder, weight: float, label: int) -> int:
    builder.StartObject(2)
    builder.PrependFloat32Slot(0, weight, 0.0)
    builder.PrependUOffsetTRelativeSlot(1, label, 0)
    item: int = builder.EndObject()
    return item


def _vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    vector: int = builder.EndVector()
    return vector


def _sample(shape: int = 1) -> bytes:
    builder = flatbuffers.Builder()
    name, label = builder.CreateString("näme"), builder.CreateString("label")
    builder.StartVector(4, 3, 4)
    for size in (3, -2, 1):
        builder.PrependInt32(size)
    sizes = builder.EndVector()
    first, second = _item(builder, 0.5, label), _item(builder, 1.5, label)
    items, names = _vector(builder, [first, second]), _vector(builder, [name, label])
    builder.StartObject(1)
    builder.PrependFloat32Slot(0, 2.5, 0.0)
    circle = builder.EndObject()
    builder.StartObject(11)
    builder.PrependBoolSlot(0, True, False)
    builder.PrependInt32Slot(1, -7, 0)
    builder.PrependUint64Slot(2, 2**40, 0)
    offsets = {3: name, 4: sizes, 5: items, 6: names, 9: circle, 10: second}
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.PrependUint8Slot(8, shape, 0)
    builder.Finish(builder.EndObject(), b"TEST")
    return bytes(builder.Output())


def _root(data: bytes) -> Any:
    return Decoder(data, SCHEMA).root(b"TEST", "Root")


def test_every_type_of_field() -> None:
    root = _root(_sample())
    assert root["flag"] is True
    assert (root["count"], root["large"]) == (-7, 2**40)
    assert root["name"] == "näme"
    assert root["sizes"].tolist() == [1, -2, 3]
    assert root["items"] == [
        {"weight": 0.5, "label": "label"},
        {"weight": 1.5, "label": "label"},
    ]
    assert root["names"] == ["näme", "label"]
    assert root["shape"] == {"radius": 2.5}
    assert root["shape"].type == "Circle"


def test_shared_objects_are_decoded_once() -> None:
    root = _root(_sample())
    assert root["last"] is root["items"][1]


def test_arrays_are_read_only_views() -> None:
    sizes = _root(_sample())["sizes"]
    assert sizes.base is not None
    assert not sizes.flags.writeable


def test_an_unknown_union_member_becomes_none() -> None:
    root = _root(_sample(shape=99))
    assert root["shape_type"] == 99
    assert root["shape"] is None


def test_absent_fields_are_omitted() -> None:
    builder = flatbuffers.Builder()
    builder.StartObject(0)
    builder.Finish(builder.EndObject(), b"TEST")
    assert _root(bytes(builder.Output())) == {}


def test_every_truncation_is_an_error() -> None:
    data = _sample()
    padding = len(data) - len(data.rstrip(b"\0"))
    for size in range(len(data) - padding):
        with pytest.raises(FormatError):
            _root(data[:size])


def test_any_changed_byte_is_read_or_is_an_error() -> None:
    """No exception other than FormatError is raised, whatever the byte."""
    data = bytearray(_sample())
    refused = 0
    for at in range(len(data)):
        original = data[at]
        for value in range(256):
            data[at] = value
            try:
                _root(bytes(data))
            except FormatError:
                refused += 1
        data[at] = original
    assert refused > 64 * len(data)


def _changed(at: int, code: str, value: int) -> bytes:
    data = bytearray(_sample())
    struct.pack_into(code, data, at, value)
    return bytes(data)


def _place(field: str) -> int:
    """Return the position of a field of the root table."""
    data = _sample()
    root = _root(data).at
    vtable = root - struct.unpack_from("<i", data, root)[0]
    slot = next(f.slot for f in SCHEMA.fields("Root") if f.name == field)
    return int(root + struct.unpack_from("<H", data, vtable + 4 + 2 * slot)[0])


def _target(field: str) -> int:
    return int(_place(field) + struct.unpack_from("<I", _sample(), _place(field))[0])


ROOT = _root(_sample()).at
VTABLE = ROOT - struct.unpack_from("<i", _sample(), ROOT)[0]


@pytest.mark.parametrize(
    ("at", "code", "value", "message"),
    [
        (4, "<I", 0, "the identifier TEST is missing"),
        (0, "<I", 0, "its offset 0 leads out of the file"),
        (0, "<I", 2**31 + 8, "leads out of the file"),
        (0, "<I", ROOT + 2, "no Root table can stand at byte"),
        (ROOT, "<i", ROOT - VTABLE + 1, "its vtable cannot stand"),
        (ROOT, "<i", 2**30, "its vtable cannot stand"),
        (ROOT, "<i", -(2**30), "its vtable cannot stand"),
        (VTABLE, "<H", 2, "its vtable cannot have 2 bytes"),
        (VTABLE, "<H", 7, "its vtable cannot have 7 bytes"),
        (VTABLE, "<H", 0xFFFE, "its vtable cannot have 65534 bytes"),
        (VTABLE + 2, "<H", 0xFFFF, "is cut off"),
        (VTABLE + 6, "<H", 0xFFF0, "its count cannot stand"),
        (VTABLE + 6, "<H", 6, "its count cannot stand"),
        (_place("name"), "<I", 2**31 - 1, "name: its offset 2147483647 leads"),
        (_place("sizes"), "<I", 6, "sizes: no vector can stand"),
        (_target("sizes"), "<I", 2**30, "sizes: its 1073741824 elements run past"),
        (_target("sizes"), "<I", 2**32 - 1, "sizes: its 4294967295 elements run past"),
        (_target("items"), "<I", 2**30 + 1, "items: its 1073741825 elements run past"),
        (_target("items") + 4, "<I", 0, r"items\[0\]: its offset 0 leads"),
        (_target("items") + 8, "<I", 0x7FFFFFF0, r"items\[1\]: its offset 2147483632"),
        (_target("name") + 4, "<B", 0xFF, "name: a string that is not UTF-8"),
        (_target("name") + 9, "<B", 1, "name: a string without its end"),
    ],
)
def test_says_what_is_wrong_and_where(at: int, code: str, value: int, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        _root(_changed(at, code, value))


def test_eight_byte_fields_are_aligned() -> None:
    """The C++ verifier requires it."""
    misplaced = next(offset for offset in (4, 8) if (ROOT + offset) % 8)
    with pytest.raises(FormatError, match=r"Root table at byte \d+ is not aligned"):
        _root(_changed(VTABLE + 8, "<H", misplaced))


def test_objects_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_OBJECTS", 5)
    with pytest.raises(FormatError, match="more than 5 objects"):
        _root(_sample())


def test_the_path_of_an_error_names_fields_and_indices() -> None:
    error = FormatError("cause", "[3]", ".items", "tensor 5")
    assert str(error) == "tensor 5.items[3]: cause"
    assert str(FormatError("cause", "level 2", "tensor 5")) == "tensor 5, level 2: cause"
    assert str(FormatError("cause", ".name")) == "name: cause"
    assert str(FormatError("cause")) == "cause"
