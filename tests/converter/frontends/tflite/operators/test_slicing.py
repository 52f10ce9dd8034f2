"""STRIDED_SLICE and SLICE, against the reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError

IMAGE = (1, 6, 7, 5)


def strided_model(
    shape: tuple[int, ...],
    begin: list[int],
    end: list[int],
    strides: list[int],
    outputs: list[Tensor] | None = None,
    **masks: int,
) -> bytes:
    operands = [Tensor(shape), np.int32(begin), np.int32(end), np.int32(strides)]
    options = schema.StridedSliceOptionsT(**masks)
    return one_operator_model("STRIDED_SLICE", operands, outputs or ["float32"], options)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize(
    ("first", "last", "step"),
    [(0, 3, 1), (2, 5, 1), (1, 5, 2), (0, 5, 3), (-3, -1, 1), (2, 100, 1), (4, 5, 1)],
)
def test_part_of_an_axis(axis: int, first: int, last: int, step: int) -> None:
    begin, end, strides = [0] * 4, list(IMAGE), [1] * 4
    begin[axis], end[axis], strides[axis] = first, last, step
    assert_same(strided_model(IMAGE, begin, end, strides))


def test_masks_override_begins_and_ends() -> None:
    model = strided_model(
        IMAGE,
        [0, 5, 2, 1],
        [1, 6, 3, 2],
        [1, 1, 1, 2],
        beginMask=0b0010,
        endMask=0b1100,
    )
    assert_same(model)


@pytest.mark.parametrize("index", [0, 2, -1])
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_one_element_drops_its_axis(axis: int, index: int) -> None:
    begin, end = [0] * 4, list(IMAGE)
    begin[axis], end[axis] = index, index + 1
    model = strided_model(IMAGE, begin, end, [1] * 4, shrinkAxisMask=1 << axis)
    assert_same(model)


def test_two_axes_dropped_at_once() -> None:
    begin, end = [0, 2, 1, 0], [1, 3, 2, 5]
    model = strided_model(IMAGE, begin, end, [1] * 4, shrinkAxisMask=0b0110)
    assert assert_same(model).outputs[0]["shape"] == ["N", 5]


def test_fewer_begins_than_axes_take_the_rest_whole() -> None:
    assert_same(strided_model(IMAGE, [0, 2], [1, 5], [1, 1]))


@pytest.mark.parametrize("shape", [(1, 6, 5), (1, 6), (6, 5)], ids=str)
def test_other_ranks(shape: tuple[int, ...]) -> None:
    begin, end = [0] * len(shape), list(shape)
    begin[-1] = 1
    assert_same(strided_model(shape, begin, end, [1] * len(shape)))


def test_taking_or_dropping_the_only_sample_keeps_the_batch() -> None:
    taken = assert_same(strided_model(IMAGE, [0, 1, 0, 0], [1, 3, 7, 5], [1] * 4))
    assert taken.outputs[0]["shape"][0] == "N"
    model = strided_model(IMAGE, [0, 1, 0, 0], [1, 3, 7, 5], [1] * 4, shrinkAxisMask=1)
    dropped = assert_same(model)
    assert dropped.outputs[0]["shape"] == ["N", 5, 2, 7]  # an image now: NCHW
    assert dropped.outputs[0]["permutation"] == [-1, 2, 0, 1]


@pytest.mark.parametrize(
    ("begin", "size"),
    [
        ([0, 1, 2, 3], [1, 3, 5, 2]),
        ([0, 1, 0, 2], [-1, -1, 7, -1]),
        ([0, 0, 0, 0], [1, 6, 7, 5]),
        ([0, 5, 6, 4], [1, 1, 1, 1]),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_slice(begin: list[int], size: list[int], dtype: type) -> None:
    operands = [Tensor(IMAGE), np.array(begin, dtype), np.array(size, dtype)]
    model = one_operator_model("SLICE", operands, options=schema.SliceOptionsT())
    assert_same(model)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize(("first", "last", "step"), [(4, 1, -1), (-1, 0, -2), (2, 0, -1)])
def test_backwards(axis: int, first: int, last: int, step: int) -> None:
    begin, end, strides = [0] * 4, list(IMAGE), [1] * 4
    begin[axis], end[axis], strides[axis] = first, last, step
    assert_same(strided_model(IMAGE, begin, end, strides))


def test_all_of_an_axis_backwards_beside_one_that_is_dropped() -> None:
    model = strided_model(
        IMAGE,
        [0, 2, 0, 0],
        [1, 3, 0, 5],
        [1, 1, -1, 1],
        beginMask=0b0100,
        endMask=0b0100,
        shrinkAxisMask=0b0010,
    )
    assert_same(model)


def test_new_axes() -> None:
    begin, end = [0, 0, 1], [1, 0, 5]
    assert_same(strided_model((1, 6), begin, end, [1] * 3, newAxisMask=0b010))


@pytest.mark.parametrize("place", [1, 2])
def test_ellipsis(place: int) -> None:
    begin, end = [0, 1, 1], [1, 4, 4]
    begin[place], end[place] = 0, 0
    model = strided_model(IMAGE, begin, end, [1] * 3, ellipsisMask=1 << place)
    assert_same(model)


def test_ends_that_count_from_their_begins() -> None:
    assert_same(strided_model(IMAGE, [0, 2, 1, 0], [1, 3, 4, 5], [1] * 4, offset=True))


def test_a_slice_beyond_the_end_is_a_damaged_file() -> None:
    operands = [Tensor((1, 6)), np.int32([0, 4]), np.int32([1, 3])]
    model = one_operator_model("SLICE", operands, [Tensor((1, 3))])
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)


def test_a_slice_of_nothing_is_not_supported() -> None:
    model = strided_model((1, 6), [0, 4], [1, 4], [1, 1], [Tensor((1, 0))])
    with pytest.raises(UnsupportedOpError, match=r"it takes nothing of \[1, 6\]"):
        convert_bytes(model)
