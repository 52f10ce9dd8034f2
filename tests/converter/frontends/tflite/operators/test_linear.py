"""FULLY_CONNECTED, against the reference kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import (
    ACTIVATIONS,
    assert_same,
    convert_bytes,
    normal,
    weights,
    wide,
)
from tflite2torch.converter.errors import UnsupportedOpError


def linear_model(
    shape: tuple[int, ...],
    width: int,
    outputs: int,
    bias: bool = True,
    keep: bool = False,
    activation: int = 0,
) -> bytes:
    options = schema.FullyConnectedOptionsT(keepNumDims=keep, fusedActivationFunction=activation)
    constant = weights(outputs) if bias else None
    operands = [Tensor(shape), weights(outputs, width), constant]
    return one_operator_model("FULLY_CONNECTED", operands, options=options)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("width", "outputs"), [(1, 1), (7, 4), (64, 33)])
def test_rows(width: int, outputs: int, bias: bool) -> None:
    assert_same(linear_model((1, width), width, outputs, bias), width + 1)


@pytest.mark.parametrize("shape", [(1, 5, 3), (1, 4, 5, 3), (1, 1, 5, 3)], ids=str)
def test_the_last_axis_alone(shape: tuple[int, ...]) -> None:
    assert_same(linear_model(shape, 3, 7, keep=True), 4)


@pytest.mark.parametrize(
    ("shape", "width"),
    [((1, 5, 3), 15), ((1, 4, 5, 3), 60), ((1, 1, 1, 6), 6)],
    ids=str,
)
def test_a_sample_that_is_one_row(shape: tuple[int, ...], width: int) -> None:
    assert_same(linear_model(shape, width, 7), width + 1)


@pytest.mark.parametrize("shape", [(1, 5, 3), (1, 4, 5, 3)], ids=str)
def test_a_sample_of_several_rows(shape: tuple[int, ...]) -> None:
    """TFLite gives rows without a batch axis; the module gives rows for each sample."""
    conversion = assert_same(linear_model(shape, 3, 7), 4)
    assert conversion.outputs[0]["shape"] == ["N", math.prod(shape[:-1]), 7]


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_fused_activations(activation: int) -> None:
    assert_same(linear_model((1, 7), 7, 4, activation=activation), 8, wide)


def test_float16_weights_widen_exactly() -> None:
    """They are stored as they are, and multiplied as float32."""
    stored = normal(np.random.default_rng(3), (4, 7)).astype(np.float16)
    model = one_operator_model(
        "FULLY_CONNECTED",
        [Tensor((1, 7)), stored.astype(np.float32), None],
        options=schema.FullyConnectedOptionsT(),
    )
    assert_same(model, 8)


def test_computed_weights_are_not_supported() -> None:
    model = one_operator_model(
        "FULLY_CONNECTED",
        [Tensor((1, 7)), Tensor((4, 7)), None],
        options=schema.FullyConnectedOptionsT(),
    )
    with pytest.raises(UnsupportedOpError, match="FULLY_CONNECTED"):
        convert_bytes(model)


def test_shuffled_weights_are_not_supported() -> None:
    model = one_operator_model(
        "FULLY_CONNECTED",
        [Tensor((1, 4)), weights(4, 4), None],
        [Tensor((1, 4))],
        options=schema.FullyConnectedOptionsT(weightsFormat=1),
    )
    with pytest.raises(UnsupportedOpError, match="shuffled"):
        convert_bytes(model)
