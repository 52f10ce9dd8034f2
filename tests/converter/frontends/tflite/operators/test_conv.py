"""CONV_2D and DEPTHWISE_CONV_2D, against the reference kernels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import ACTIVATIONS, assert_same, convert_bytes, weights
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
FUSED = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
PADDINGS = pytest.mark.parametrize("padding", [SAME, VALID], ids=["same", "valid"])
WINDOWS = [
    ((height, width), (down, across))
    for (height, width), (down, across) in product(
        [(1, 1), (2, 2), (3, 3), (5, 5), (3, 1), (2, 4)],
        [(1, 1), (2, 2), (3, 3), (1, 2)],
    )
]


def conv_model(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: int = SAME,
    dilation: tuple[int, int] = (1, 1),
    activation: int = 0,
    channels: int = 3,
    filters: int = 5,
    depth: int | None = None,
) -> bytes:
    options = schema.Conv2DOptionsT(
        padding=padding,
        strideH=stride[0],
        strideW=stride[1],
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
        fusedActivationFunction=activation,
    )
    image = Tensor((1, *size, channels))
    weight = weights(filters, *kernel, depth or channels)
    operands = [image, weight, weights(filters)]
    return one_operator_model("CONV_2D", operands, options=options)


def depthwise_model(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: int = 1,
    padding: int = SAME,
    dilation: int = 1,
    channels: int = 3,
    multiplier: int = 1,
    activation: int = 0,
) -> bytes:
    options = schema.DepthwiseConv2DOptionsT(
        padding=padding,
        strideH=stride,
        strideW=stride,
        dilationHFactor=dilation,
        dilationWFactor=dilation,
        depthMultiplier=multiplier,
        fusedActivationFunction=activation,
    )
    filters = channels * multiplier
    operands = [
        Tensor((1, *size, channels)),
        weights(1, *kernel, filters),
        weights(filters),
    ]
    return one_operator_model("DEPTHWISE_CONV_2D", operands, options=options)


def terms(kernel: tuple[int, int], depth: int) -> int:
    """How many products are summed, the bias among them."""
    return kernel[0] * kernel[1] * depth + 1


@PADDINGS
@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_window_at_even_and_odd_sizes(
    kernel: tuple[int, int], stride: tuple[int, int], padding: int
) -> None:
    for size in [(6, 9), (7, 8)]:
        assert_same(conv_model(size, kernel, stride, padding), terms(kernel, 3))


@PADDINGS
@pytest.mark.parametrize("dilation", [(2, 2), (3, 3), (1, 2), (3, 1)])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 3)])
def test_dilation(kernel: tuple[int, int], dilation: tuple[int, int], padding: int) -> None:
    model = conv_model((9, 11), kernel, padding=padding, dilation=dilation)
    assert_same(model, terms(kernel, 3))


@PADDINGS
def test_a_single_pixel(padding: int) -> None:
    assert_same(conv_model((1, 1), (1, 1), padding=padding), terms((1, 1), 3))


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 3)])
def test_a_kernel_larger_than_the_image(stride: tuple[int, int]) -> None:
    assert_same(conv_model((1, 2), (5, 4), stride), terms((5, 4), 3))


@FUSED
def test_fused_activations(activation: int) -> None:
    assert_same(conv_model((4, 5), (3, 3), activation=activation), terms((3, 3), 3))


@pytest.mark.parametrize(("channels", "depth", "filters"), [(6, 3, 4), (4, 1, 8), (4, 1, 4)])
def test_groups_follow_from_the_shapes(channels: int, depth: int, filters: int) -> None:
    model = conv_model((5, 6), (3, 2), channels=channels, depth=depth, filters=filters)
    conversion = assert_same(model, terms((3, 2), depth))
    assert f"groups={channels // depth}" in conversion.source


@PADDINGS
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 4)])
def test_depthwise_window(kernel: tuple[int, int], stride: int, padding: int) -> None:
    for size in [(6, 9), (7, 8)]:
        assert_same(depthwise_model(size, kernel, stride, padding), terms(kernel, 1))


@PADDINGS
@pytest.mark.parametrize("multiplier", [2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_depthwise_multiplier_and_dilation(multiplier: int, dilation: int, padding: int) -> None:
    model = depthwise_model(
        (7, 8), (3, 3), padding=padding, multiplier=multiplier, dilation=dilation
    )
    assert_same(model, terms((3, 3), 1))


@FUSED
def test_depthwise_fused_activations(activation: int) -> None:
    assert_same(depthwise_model((4, 5), (3, 3), activation=activation), terms((3, 3), 1))


def test_depthwise_of_one_channel() -> None:
    model = depthwise_model((4, 5), (3, 3), channels=1, multiplier=4)
    assert_same(model, terms((3, 3), 1))


def test_padding_is_symmetric_only_where_tflite_pads_so() -> None:
    even = convert_bytes(conv_model((8, 8), (3, 3), (2, 2)))
    odd = convert_bytes(conv_model((9, 9), (3, 3), (2, 2)))
    assert "F.pad(x, (0, 1, 0, 1))" in even.source
    assert "padding=1" in odd.source
    assert "F.pad" not in odd.source


@pytest.mark.parametrize("name", ["TANH", "SIGN_BIT"])
def test_an_activation_that_tflite_ignores_is_not_supported(name: str) -> None:
    code = getattr(schema.ActivationFunctionType, name)
    with pytest.raises(UnsupportedOpError, match=f"fused activation is number {code}"):
        convert_bytes(conv_model((4, 5), (3, 3), activation=code))


def test_computed_weights_are_not_supported() -> None:
    model = one_operator_model(
        "CONV_2D",
        [Tensor((1, 4, 4, 2)), Tensor((3, 1, 1, 2)), weights(3)],
        options=schema.Conv2DOptionsT(strideH=1, strideW=1),
    )
    with pytest.raises(UnsupportedOpError, match=r"CONV_2D.*input 1 is computed"):
        convert_bytes(model)


def test_a_bias_of_another_length_is_a_damaged_file() -> None:
    model = one_operator_model(
        "CONV_2D",
        [Tensor((1, 4, 4, 2)), weights(3, 1, 1, 2), weights(4)],
        [Tensor((1, 4, 4, 3))],
        options=schema.Conv2DOptionsT(strideH=1, strideW=1),
    )
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)


def test_a_weight_that_does_not_fit_the_channels_is_a_damaged_file() -> None:
    model = one_operator_model(
        "CONV_2D",
        [Tensor((1, 4, 4, 3)), weights(4, 1, 1, 2), np.zeros(4, np.float32)],
        [Tensor((1, 4, 4, 4))],
        options=schema.Conv2DOptionsT(strideH=1, strideW=1),
    )
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)
