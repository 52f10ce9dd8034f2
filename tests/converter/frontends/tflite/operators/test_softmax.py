"""SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION, against the reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, Tensor, one_operator_model
from tests.support.operators import Sampler, assert_same, wide

SHAPES = [(1, 7), (1, 4, 7), (1, 4, 5, 7), (1, 4, 5, 1)]


def tiny(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Rows whose norm is about the 1e-6 that TFLite divides by at least."""
    return generator.uniform(-1e-6, 1e-6, shape).astype(np.float32)


@pytest.mark.parametrize("beta", [1.0, 0.3, 2.5])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax(shape: tuple[int, ...], beta: float) -> None:
    options = schema.SoftmaxOptionsT(beta=beta)
    # beta * x is rounded: half an ulp of up to 25, which the exponential hands on
    assert_same(one_operator_model("SOFTMAX", [Tensor(shape)], options=options), 25, wide)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_log_softmax(shape: tuple[int, ...]) -> None:
    options = schema.LogSoftmaxOptionsT()
    model = one_operator_model("LOG_SOFTMAX", [Tensor(shape)], options=options)
    assert_same(model, 4, wide)


@pytest.mark.parametrize("sample", [wide, tiny])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_l2_normalization(shape: tuple[int, ...], sample: Sampler) -> None:
    options = schema.L2NormOptionsT()
    model = one_operator_model("L2_NORMALIZATION", [Tensor(shape)], options=options)
    assert_same(model, 8, sample)
