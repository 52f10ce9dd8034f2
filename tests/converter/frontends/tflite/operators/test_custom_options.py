"""Options of custom operators, from valid and from arbitrary bytes."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from tests.support.custom import flex
from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.model import Operator
from tflite2torch.converter.frontends.tflite.operators.custom_options import (
    MAX_LIST,
    FlexOptions,
    c_struct,
)
from tflite2torch.converter.frontends.tflite.operators.registry import OperatorCall

GOOD = flex(count=3, ratio=1.5, mode="bilinear", items=[61, 146, 70000])


def call(options: bytes) -> OperatorCall:
    operator = Operator(4, "Crop", True, 1, (), (), None, options)
    return OperatorCall("face.tflite", operator, [], [], [])


def test_each_kind_of_option() -> None:
    options = FlexOptions(call(GOOD))
    assert options.integer("count") == 3
    assert options.number("ratio") == 1.5
    assert options.number("count") == 3.0
    assert options.text("mode") == "bilinear"
    assert options.integers("items") == (61, 146, 70000)
    assert "count" in options
    assert "counts" not in options


def test_numbers_are_those_of_float32() -> None:
    assert FlexOptions(call(flex(ratio=0.1 + 1e-12))).number("ratio") == 0.1


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e39])
def test_numbers_are_finite_in_float32(value: float) -> None:
    options = FlexOptions(call(flex(ratio=value)))
    with pytest.raises(InvalidModelError, match="no ratio that is a finite float32"):
        options.number("ratio")


def test_another_type_is_named_with_the_operator() -> None:
    options = FlexOptions(call(GOOD))
    place = r"face.tflite: operator 4 \(Crop\): its options have no"
    with pytest.raises(InvalidModelError, match=f"{place} ratio that is a whole"):
        options.integer("ratio")
    with pytest.raises(InvalidModelError, match=f"{place} mode that is a finite"):
        options.number("mode")
    with pytest.raises(InvalidModelError, match=f"{place} count that is a text"):
        options.text("count")
    with pytest.raises(InvalidModelError, match=f"{place} count that is a typed list"):
        options.integers("count")


def test_lists_of_mixed_type_are_empty_to_mediapipe() -> None:
    mixed = bytes(flexbuffers.Dumps({"items": [1, 2, 3]}))
    with pytest.raises(InvalidModelError, match="typed list"):
        FlexOptions(call(mixed)).integers("items")


def test_lists_have_a_limit() -> None:
    for count in (MAX_LIST, MAX_LIST + 1):
        options = FlexOptions(call(flex(items=[7] * count)))
        if count <= MAX_LIST:
            assert len(options.integers("items")) == count
        else:
            with pytest.raises(InvalidModelError, match="typed list"):
                options.integers("items")


def read_all(data: bytes) -> None:
    """Read options of each type; only InvalidModelError may be raised."""
    options = FlexOptions(call(data))
    with suppress(InvalidModelError):
        assert isinstance(options.integer("count"), int)
    with suppress(InvalidModelError):
        assert math.isfinite(options.number("ratio"))
    with suppress(InvalidModelError):
        assert isinstance(options.text("mode"), str)
    with suppress(InvalidModelError):
        assert all(isinstance(item, int) for item in options.integers("items"))


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    read_all(data)


@given(st.data())
def test_changed_and_shortened_options(data: st.DataObject) -> None:
    mutant = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutant) - 1))
        mutant[place] = data.draw(st.integers(0, 255))
    read_all(bytes(mutant[: data.draw(st.integers(0, len(mutant)))]))
    read_all(bytes(mutant))


def test_a_struct_may_go_on() -> None:
    data = b"\1\0\0\0\xff\xff\xff\xff\7\0\0\0\2"
    assert c_struct(call(data), "padding", "stride") == {"padding": 1, "stride": -1}
    with pytest.raises(InvalidModelError, match="13 bytes of options, where 16 belong"):
        c_struct(call(data), *"abcd")
