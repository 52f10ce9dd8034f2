"""PACK, UNPACK, SPLIT and SPLIT_V, against the reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes, weights
from tflite2torch.converter.errors import UnsupportedOpError

IMAGE = (1, 4, 6, 3)


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
@pytest.mark.parametrize("shape", [(1, 4, 3), (1, 5)], ids=str)
def test_pack(shape: tuple[int, ...], axis: int) -> None:
    if axis > len(shape):
        axis = len(shape)
    options = schema.PackOptionsT(axis=axis, valuesCount=2)
    operands = [Tensor(shape), Tensor(shape)]
    assert_same(one_operator_model("PACK", operands, options=options))


def test_packing_before_the_batch_is_not_supported() -> None:
    options = schema.PackOptionsT(axis=0, valuesCount=2)
    model = one_operator_model("PACK", [Tensor((1, 4)), Tensor((1, 4))], options=options)
    with pytest.raises(UnsupportedOpError, match=r"operator 0 .*before the batch"):
        convert_bytes(model)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [(IMAGE, 1), (IMAGE, 3), (IMAGE, -1), ((1, 4, 3), 1), ((1, 4, 3), 2), ((1, 4), 1)],
    ids=str,
)
def test_unpack(shape: tuple[int, ...], axis: int) -> None:
    count = shape[axis]
    options = schema.UnpackOptionsT(num=count, axis=axis)
    model = one_operator_model("UNPACK", [Tensor(shape)], ["float32"] * count, options)
    assert_same(model)


@pytest.mark.parametrize(("axis", "parts"), [(1, 2), (2, 3), (3, 3), (-1, 1), (2, 6)])
def test_split(axis: int, parts: int) -> None:
    options = schema.SplitOptionsT(numSplits=parts)
    operands = [np.int32(axis), Tensor(IMAGE)]
    assert_same(one_operator_model("SPLIT", operands, ["float32"] * parts, options))


@pytest.mark.parametrize(
    ("axis", "sizes"), [(1, [1, 3]), (2, [1, 2, 3]), (3, [2, 1]), (2, [2, -1])], ids=str
)
def test_split_v(axis: int, sizes: list[int]) -> None:
    options = schema.SplitVOptionsT(numSplits=len(sizes))
    operands = [Tensor(IMAGE), np.int32(sizes), np.int32(axis)]
    model = one_operator_model("SPLIT_V", operands, ["float32"] * len(sizes), options)
    assert_same(model)


def test_a_part_that_nobody_reads_is_left_out() -> None:
    builder = ModelBuilder()
    first, _, third = builder.operator(
        "SPLIT",
        [np.int32(2), Tensor(IMAGE)],
        ["float32"] * 3,
        schema.SplitOptionsT(numSplits=3),
    )
    results = builder.operator("SUB", [third, first], options=schema.SubOptionsT())
    conversion = assert_same(builder.build(results))
    assert "2:4" not in conversion.source


def test_packing_constants_with_samples_is_not_supported() -> None:
    options = schema.PackOptionsT(axis=1, valuesCount=2)
    model = one_operator_model("PACK", [Tensor((1, 4)), weights(1, 4)], options=options)
    with pytest.raises(UnsupportedOpError, match="constants with samples"):
        convert_bytes(model)
