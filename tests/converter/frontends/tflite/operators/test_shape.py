"""RESHAPE, SQUEEZE, EXPAND_DIMS and TRANSPOSE, against the reference kernels."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError


def reshape_model(shape: tuple[int, ...], to: tuple[int, ...]) -> bytes:
    options = schema.ReshapeOptionsT(newShape=list(to))
    return one_operator_model("RESHAPE", [Tensor(shape), np.int32(to)], options=options)


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        ((1, 4, 5, 6), (1, 120)),
        ((1, 4, 5, 6), (1, 20, 6)),
        ((1, 4, 5, 6), (1, 5, 4, 6)),
        ((1, 4, 5, 6), (1, 2, 10, 6)),
        ((1, 4, 5, 6), (1, 2, 5, 4, 3)),
        ((1, 1, 1, 6), (1, 6)),
        ((1, 1, 1, 6), (1, 1, 6)),
        ((1, 4, 5, 1), (1, 4, 5)),
        ((1, 120), (1, 4, 5, 6)),
        ((1, 20, 6), (1, 4, 5, 6)),
        ((1, 6), (1, 1, 1, 6)),
        ((1, 20), (1, 4, 5, 1)),
        ((1, 12), (1, 12)),
        ((1,), (1, 1)),
        ((4, 6), (2, 12)),
    ],
    ids=str,
)
def test_reshape(shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    assert_same(reshape_model(shape, to))


@pytest.mark.parametrize(
    ("shape", "to"),
    [((1, 52), (52,)), ((1, 4, 5, 6), (20, 6)), ((1, 4, 5, 6), (120,)), ((1, 1), ())],
    ids=str,
)
def test_a_shape_that_drops_the_batch_keeps_it(shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    conversion = assert_same(reshape_model(shape, to))
    (output,) = conversion.outputs
    assert output["shape"] == ["N", *to]
    assert output["permutation"] == [-1, *range(len(to))]


def test_axes_move_up_behind_a_dropped_batch_axis() -> None:
    builder = ModelBuilder()
    [dropped] = builder.operator("RESHAPE", [Tensor((1, 4, 5, 6)), np.int32([4, 5, 6])])
    [turned] = builder.operator("TRANSPOSE", [dropped, np.int32([2, 0, 1])])
    results = builder.operator(
        "SUM", [turned, np.int32([1])], options=schema.ReducerOptionsT(keepDims=False)
    )
    conversion = assert_same(builder.build(results), 4)
    assert conversion.outputs[0]["shape"] == ["N", 6, 5]


def test_a_batch_axis_that_comes_back() -> None:
    builder = ModelBuilder()
    [dropped] = builder.operator("RESHAPE", [Tensor((1, 4, 6)), np.int32([24])])
    results = builder.operator("RESHAPE", [dropped, np.int32([1, 4, 6])])
    assert assert_same(builder.build(results)).outputs[0]["shape"] == ["N", 4, 6]


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1, 4, 1, 3), [2]),
        ((1, 1, 1, 3), [1, 2]),
        ((1, 4, 3, 1), [-1]),
        ((1, 4, 1), [2]),
    ],
    ids=str,
)
def test_squeeze(shape: tuple[int, ...], axes: list[int]) -> None:
    options = schema.SqueezeOptionsT(squeezeDims=axes)
    assert_same(one_operator_model("SQUEEZE", [Tensor(shape)], options=options))


def test_a_squeeze_of_all_axes_of_one_keeps_the_batch() -> None:
    options = schema.SqueezeOptionsT(squeezeDims=[])
    model = one_operator_model("SQUEEZE", [Tensor((1, 4, 1, 3))], options=options)
    assert assert_same(model).outputs[0]["shape"] == ["N", 4, 3]


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_expand_dims(axis: int) -> None:
    model = one_operator_model("EXPAND_DIMS", [Tensor((1, 4, 3)), np.int32(axis)])
    assert_same(model)


@pytest.mark.parametrize("axes", list(permutations([1, 2, 3])), ids=str)
def test_transpose_of_an_image(axes: tuple[int, ...]) -> None:
    operands = [Tensor((1, 4, 5, 3)), np.int32([0, *axes])]
    assert_same(one_operator_model("TRANSPOSE", operands))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1, 4, 3), (0, 2, 1)),
        ((1, 4, 3), (0, 1, 2)),
        ((4, 3), (1, 0)),
        ((2, 4, 3), (1, 2, 0)),
    ],
    ids=str,
)
def test_transpose(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    assert_same(one_operator_model("TRANSPOSE", [Tensor(shape), np.int32(axes)]))


@pytest.mark.parametrize("axes", [(1,), (2,), (3,), (2, 3), (0,), (0, 1), (-1,)], ids=str)
def test_reverse(axes: tuple[int, ...]) -> None:
    operands = [Tensor((1, 4, 5, 3)), np.int32(axes)]
    assert_same(one_operator_model("REVERSE_V2", operands))


@pytest.mark.parametrize("multiples", [(1, 2, 1, 1), (1, 1, 3, 2), (1, 1, 1, 1)], ids=str)
def test_tile(multiples: tuple[int, ...]) -> None:
    operands = [Tensor((1, 4, 5, 3)), np.int32(multiples)]
    assert_same(one_operator_model("TILE", operands))


def test_tiling_samples_is_not_supported() -> None:
    model = one_operator_model("TILE", [Tensor((1, 4)), np.int32([2, 1])])
    with pytest.raises(UnsupportedOpError, match=r"operator 0 .*repeats samples"):
        convert_bytes(model)


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        ((1, 1, 5, 3), (1, 4, 5, 3)),
        ((1, 4, 1, 1), (1, 4, 5, 3)),
        ((1, 3), (1, 4, 5, 3)),
        ((1, 4, 1), (1, 4, 6)),
        ((1, 4, 6), (1, 4, 6)),
    ],
    ids=str,
)
def test_broadcast_to(shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    operands = [Tensor(shape), np.int32(to)]
    model = one_operator_model("BROADCAST_TO", operands, [Tensor(to)], version=2)
    assert_same(model)


def test_flattening_a_batch_that_was_moved_is_not_supported() -> None:
    builder = ModelBuilder()
    [turned] = builder.operator("TRANSPOSE", [Tensor((1, 4)), np.int32([1, 0])])
    results = builder.operator("RESHAPE", [turned, np.int32([2, 2])])
    with pytest.raises(UnsupportedOpError, match=r"operator 1 \(Reshape\)"):
        convert_bytes(builder.build(results))


def test_a_reshape_to_another_number_of_elements_is_a_damaged_file() -> None:
    model = one_operator_model("RESHAPE", [Tensor((1, 4)), np.int32([1, 5])], [Tensor((1, 5))])
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)


def test_axes_that_repeat_are_a_damaged_file() -> None:
    operands = [Tensor((1, 4)), np.int32([0, 0])]
    model = one_operator_model("TRANSPOSE", operands, [Tensor((1, 1))])
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)
