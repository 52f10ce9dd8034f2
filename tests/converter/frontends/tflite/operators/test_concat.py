"""CONCATENATION, against the reference kernels."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes, weights
from tflite2torch.converter.errors import UnsupportedOpError


def concat_model(operands: list[Tensor | Array], axis: int) -> bytes:
    options = schema.ConcatenationOptionsT(axis=axis)
    return one_operator_model("CONCATENATION", operands, options=options)


def along(axis: int, size: int, rank: int) -> tuple[int, ...]:
    """A shape that only this axis tells from others of the same rank."""
    shape = [1, 4, 5, 3][:rank]
    shape[axis] = size
    return tuple(shape)


@pytest.mark.parametrize(
    ("rank", "axis"), [(4, 1), (4, 2), (4, 3), (4, -1), (3, 1), (3, -1), (2, 1)]
)
def test_computed_operands(rank: int, axis: int) -> None:
    operands: list[Tensor | Array] = [Tensor(along(axis, size, rank)) for size in (2, 1, 6)]
    assert_same(concat_model(operands, axis))
    assert_same(concat_model(operands[:1], axis))


@pytest.mark.parametrize(("rank", "axis"), [(4, 1), (4, 2), (4, 3), (3, 1), (3, -1), (2, 1)])
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_a_constant_is_repeated_for_each_sample(rank: int, axis: int, first: bool) -> None:
    computed = Tensor(along(axis, 2, rank))
    constant = weights(*along(axis, 6, rank))
    operands = [constant, computed] if first else [computed, constant]
    conversion = assert_same(concat_model(operands, axis))
    assert len(conversion.state) == 1


def test_a_constant_of_one_element_is_repeated_too() -> None:
    """One number is printed as a number elsewhere; here it has axes to keep."""
    assert_same(concat_model([Tensor((1, 4)), weights(1, 1)], 1))


def test_joining_along_the_batch_is_not_supported() -> None:
    model = concat_model([Tensor((1, 4)), Tensor((1, 4))], 0)
    with pytest.raises(UnsupportedOpError, match=r"operator 0 \(Concat\).*joins along the batch"):
        convert_bytes(model)


def test_without_a_batch_any_axis_may_be_joined() -> None:
    assert_same(concat_model([Tensor((4, 3)), Tensor((2, 3))], 0))
