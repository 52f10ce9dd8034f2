"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN, against the reference kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes
from tflite2torch.converter.errors import InvalidModelError

SUMMING = ["MEAN", "SUM", "REDUCE_PROD"]
OPERATORS = [*SUMMING, "REDUCE_MAX", "REDUCE_MIN"]
SHAPES_AND_AXES = [
    (
        (1, 4, 5, 3),
        [(1,), (2,), (3,), (-1,), (1, 2), (2, 1), (2, 3), (1, 3), (1, 2, 3)],
    ),
    ((1, 4, 3), [(1,), (2,), (1, 2), (-2,)]),
    ((1, 7), [(1,)]),
    ((4, 3), [(0,), (1,)]),
]
CASES = [(shape, axes) for shape, choices in SHAPES_AND_AXES for axes in choices]


def reduce_model(name: str, shape: tuple[int, ...], axes: tuple[int, ...], keep: bool) -> bytes:
    options = schema.ReducerOptionsT(keepDims=keep)
    return one_operator_model(name, [Tensor(shape), np.int32(axes)], options=options)


def ulps(name: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) + 1 if name in SUMMING else 0


@pytest.mark.parametrize("keep", [True, False], ids=["keep", "drop"])
@pytest.mark.parametrize(("shape", "axes"), CASES, ids=str)
def test_axes(shape: tuple[int, ...], axes: tuple[int, ...], keep: bool) -> None:
    for name in OPERATORS:
        assert_same(reduce_model(name, shape, axes, keep), ulps(name, shape))


@pytest.mark.parametrize("keep", [True, False], ids=["keep", "drop"])
@pytest.mark.parametrize("axes", [(0,), (0, 3), (0, 1, 2), (0, 1, 2, 3)], ids=str)
@pytest.mark.parametrize("name", OPERATORS)
def test_the_batch_axis_is_left_alone(name: str, axes: tuple[int, ...], keep: bool) -> None:
    """Over a single sample the reduction is the identity."""
    shape = (1, 4, 5, 3)
    assert_same(reduce_model(name, shape, axes, keep), ulps(name, shape))


def test_an_axis_that_is_not_there_is_a_damaged_file() -> None:
    model = one_operator_model(
        "MEAN",
        [Tensor((1, 4)), np.int32([2])],
        [Tensor((1,))],
        options=schema.ReducerOptionsT(keepDims=False),
    )
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)
