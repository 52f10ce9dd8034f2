"""PAD and PADV2, against the reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes, weights
from tflite2torch.converter.errors import UnsupportedOpError

IMAGE = (1, 4, 5, 3)


@pytest.mark.parametrize(
    ("shape", "amounts"),
    [
        (IMAGE, [[0, 0], [1, 2], [3, 4], [0, 0]]),
        (IMAGE, [[0, 0], [0, 0], [0, 0], [1, 5]]),
        (IMAGE, [[0, 0], [2, 0], [0, 1], [4, 3]]),
        (IMAGE, [[0, 0], [0, 0], [0, 0], [0, 0]]),
        ((1, 1, 1, 1), [[0, 0], [1, 0], [0, 2], [0, 1]]),
        ((1, 4, 5), [[0, 0], [1, 2], [3, 4]]),
        ((1, 4), [[0, 0], [1, 2]]),
        ((4, 5), [[1, 0], [2, 3]]),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_zeros(shape: tuple[int, ...], amounts: list[list[int]], dtype: type) -> None:
    assert_same(one_operator_model("PAD", [Tensor(shape), np.array(amounts, dtype)]))


@pytest.mark.parametrize("symmetric", [True, False])
def test_padding_before_a_convolution(symmetric: bool) -> None:
    """Only a symmetric one can be the layer's own."""
    amounts = [[0, 0], [1, 1], [2, 2], [0, 0]]
    if not symmetric:
        amounts[1] = [0, 2]
    builder = ModelBuilder()
    [padded] = builder.operator("PAD", [Tensor(IMAGE), np.int32(amounts)])
    options = schema.Conv2DOptionsT(padding=schema.Padding.VALID, strideH=2, strideW=2)
    results = builder.operator(
        "CONV_2D", [padded, weights(2, 3, 3, 3), weights(2)], options=options
    )
    conversion = assert_same(builder.build(results), 27)
    assert ("padding=(1, 2)" in conversion.source) == symmetric
    assert ("F.pad" in conversion.source) == (not symmetric)
    assert "SAME" not in conversion.source  # the file pads by itself


def test_padding_that_something_else_reads_too_stays() -> None:
    builder = ModelBuilder()
    amounts = np.int32([[0, 0], [1, 1], [1, 1], [0, 0]])
    [padded] = builder.operator("PAD", [Tensor(IMAGE), amounts])
    options = schema.Conv2DOptionsT(padding=schema.Padding.SAME, strideH=1, strideW=1)
    [convolved] = builder.operator(
        "CONV_2D", [padded, weights(3, 3, 3, 3), weights(3)], options=options
    )
    results = builder.operator("ADD", [convolved, padded], options=schema.AddOptionsT())
    conversion = assert_same(builder.build(results), 28)
    assert "F.pad" in conversion.source


@pytest.mark.parametrize("value", [-1.5, 0.1])
def test_another_value(value: float) -> None:
    amounts = np.int32([[0, 0], [1, 2], [0, 1], [3, 0]])
    assert_same(one_operator_model("PADV2", [Tensor(IMAGE), amounts, np.float32(value)]))


def test_a_convolution_pads_itself_with_zeros_only() -> None:
    builder = ModelBuilder()
    amounts = np.int32([[0, 0], [1, 1], [1, 1], [0, 0]])
    [padded] = builder.operator("PADV2", [Tensor(IMAGE), amounts, np.float32(2)])
    options = schema.Conv2DOptionsT(padding=schema.Padding.VALID, strideH=1, strideW=1)
    results = builder.operator(
        "CONV_2D", [padded, weights(2, 3, 3, 3), weights(2)], options=options
    )
    assert_same(builder.build(results), 27)


@pytest.mark.parametrize("mode", [0, 1], ids=["reflect", "symmetric"])
@pytest.mark.parametrize(
    ("shape", "amounts"),
    [
        (IMAGE, [[0, 0], [1, 2], [3, 4], [0, 0]]),
        (IMAGE, [[0, 0], [0, 3], [0, 0], [2, 1]]),
        ((1, 4, 5), [[0, 0], [3, 0], [1, 4]]),
        ((1, 6), [[0, 0], [5, 2]]),
    ],
    ids=str,
)
def test_mirrors(shape: tuple[int, ...], amounts: list[list[int]], mode: int) -> None:
    options = schema.MirrorPadOptionsT(mode=mode)
    operands = [Tensor(shape), np.int32(amounts)]
    assert_same(one_operator_model("MIRROR_PAD", operands, options=options))


def test_padding_the_batch_is_not_supported() -> None:
    amounts = np.int32([[1, 0], [0, 0]])
    model = one_operator_model("PAD", [Tensor((1, 4)), amounts])
    with pytest.raises(UnsupportedOpError, match=r"operator 0 .*pads the batch axis"):
        convert_bytes(model)


def test_computed_amounts_are_not_supported() -> None:
    model = one_operator_model("PAD", [Tensor((1, 4)), Tensor((2, 2), "int32")], [Tensor((1, 4))])
    with pytest.raises(UnsupportedOpError, match="input 1 is computed"):
        convert_bytes(model)
