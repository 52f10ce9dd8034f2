"""BATCH_MATMUL, against the reference kernels."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes, weights
from tflite2torch.converter.errors import UnsupportedOpError


def matmul_model(
    a: Tensor | Array, b: Tensor | Array, adjoint: tuple[bool, bool] = (False, False)
) -> bytes:
    options = schema.BatchMatMulOptionsT(adjX=adjoint[0], adjY=adjoint[1])
    return one_operator_model("BATCH_MATMUL", [a, b], options=options)


@pytest.mark.parametrize("adjoint", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("heads", [(), (2,)])
def test_two_computed_operands(heads: tuple[int, ...], adjoint: tuple[bool, bool]) -> None:
    a = (1, *heads, *((5, 4) if adjoint[0] else (4, 5)))
    b = (1, *heads, *((3, 5) if adjoint[1] else (5, 3)))
    assert_same(matmul_model(Tensor(a), Tensor(b), adjoint), 5)


@pytest.mark.parametrize("shape", [(5, 3), (1, 5, 3)], ids=str)
def test_a_constant_operand(shape: tuple[int, ...]) -> None:
    assert_same(matmul_model(Tensor((1, 4, 5)), weights(*shape)), 5)


def test_multiplying_by_rows_that_are_samples_is_not_supported() -> None:
    model = matmul_model(weights(4, 1), Tensor((1, 5)))
    with pytest.raises(UnsupportedOpError, match=r"operator 0 .*samples"):
        convert_bytes(model)
