"""TRANSPOSE_CONV, against the reference kernels; Convolution2DTransposeBias, which TFLite
lacks, against loops that say what it means."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import numpy.typing as npt
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from tests.support.custom import kernel_answers, run_module
from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import (
    ACTIVATIONS,
    ULP,
    assert_same,
    convert_bytes,
    normal,
    weights,
)
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.loading import load_module

Array = npt.NDArray[np.float32]
Pair = tuple[int, int]

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
PADDINGS = pytest.mark.parametrize("padding", [SAME, VALID], ids=["same", "valid"])
KERNELS = [(1, 1), (2, 2), (3, 3), (5, 4), (1, 3), (4, 2)]
STRIDES = [(1, 1), (2, 2), (3, 3), (1, 2), (3, 1)]
WINDOWS = list(itertools.product(KERNELS, STRIDES))
CHANNELS, FILTERS = 3, 4


def transpose_conv_model(
    output: Pair,
    kernel: Pair,
    stride: Pair,
    padding: int,
    activation: int = 0,
    bias: bool = True,
) -> bytes:
    """Return a model whose input is what a convolution makes of its output."""
    options = schema.TransposeConvOptionsT(
        padding=padding,
        strideH=stride[0],
        strideW=stride[1],
        fusedActivationFunction=activation,
    )
    size = (
        -(-n // s) if padding == SAME else (n - k) // s + 1
        for n, k, s in zip(output, kernel, stride, strict=True)
    )
    operands = [
        np.int32([1, *output, FILTERS]),
        weights(FILTERS, *kernel, CHANNELS),
        Tensor((1, *size, CHANNELS)),
        *([weights(FILTERS)] if bias else []),
    ]
    return one_operator_model("TRANSPOSE_CONV", operands, options=options, version=3)


def terms(kernel: Pair) -> int:
    """Return how many products are summed at most, the bias among them."""
    return kernel[0] * kernel[1] * CHANNELS + 1


@PADDINGS
@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_every_size_that_a_convolution_shrinks_to_the_input(
    kernel: Pair, stride: Pair, padding: int
) -> None:
    """The output's size is not a function of the input's: up to the stride, all are tried."""
    for extra in range(max(stride)):
        output = 7 + extra, 8 + extra
        model = transpose_conv_model(output, kernel, stride, padding)
        assert_same(model, terms(kernel))


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_fused_activations_come_after_the_crop(activation: int) -> None:
    model = transpose_conv_model((7, 9), (2, 3), (2, 2), SAME, activation)
    assert_same(model, terms((2, 3)))


def test_without_bias() -> None:
    model = transpose_conv_model((6, 8), (3, 2), (2, 2), VALID, bias=False)
    assert "bias=False" in assert_same(model, terms((3, 2))).source


def test_a_single_pixel_spreads_over_the_whole_kernel() -> None:
    assert_same(transpose_conv_model((5, 4), (5, 4), (3, 2), VALID), terms((5, 4)))


def test_the_layer_crops_where_it_can() -> None:
    symmetric = convert_bytes(transpose_conv_model((7, 9), (3, 3), (2, 2), SAME))
    assert "nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1)" in symmetric.source
    larger = convert_bytes(transpose_conv_model((8, 10), (3, 3), (2, 2), VALID))
    assert "output_padding=1" in larger.source
    odd = convert_bytes(transpose_conv_model((8, 10), (3, 3), (2, 2), SAME))
    assert "[:, :, :-1, :-1]" in odd.source


def test_an_output_that_does_not_shrink_to_the_input_is_a_damaged_file() -> None:
    options = schema.TransposeConvOptionsT(
        padding=VALID, strideH=2, strideW=2, fusedActivationFunction=0
    )
    for height in (8, 11):
        operands = [
            np.int32([1, height, 9, FILTERS]),
            weights(FILTERS, 3, 3, CHANNELS),
            Tensor((1, 4, 4, CHANNELS)),
        ]
        output = [Tensor((1, height, 9, FILTERS))]
        model = one_operator_model("TRANSPOSE_CONV", operands, output, options)
        with pytest.raises(
            InvalidModelError,
            match=r"a convolution makes \[\d, 4\] of its output, not \[4, 4\]",
        ):
            convert_bytes(model)


def custom_options(padding: int, stride: Pair) -> bytes:
    """Return the start of a TfLiteTransposeConvParams, whose paddings begin at 1."""
    return struct.pack("<3i", padding + 1, stride[1], stride[0])


def custom_output(size: Pair, kernel: Pair, stride: Pair, padding: int) -> Pair:
    """Return what the kernel's Prepare makes of an input's size."""
    height, width = (
        s * (n - 1) + k - (max(0, k - (n - 1) % s - 1) if padding == SAME else 0)
        for n, k, s in zip(size, kernel, stride, strict=True)
    )
    return height, width


def custom_model(size: Pair, kernel: Pair, stride: Pair, padding: int) -> bytes:
    output = custom_output(size, kernel, stride, padding)
    return one_operator_model(
        "Convolution2DTransposeBias",
        [
            Tensor((1, *size, CHANNELS)),
            weights(FILTERS, *kernel, CHANNELS),
            weights(FILTERS),
        ],
        [Tensor((1, *output, FILTERS))],
        custom_options=custom_options(padding, stride),
    )


def spread(x: Array, kernel: Pair, stride: Pair, padding: int) -> Array:
    """Let every pixel add its share to the pixels that it reaches, in float64."""
    weight = weights(FILTERS, *kernel, CHANNELS).astype(np.float64)
    size = x.shape[1], x.shape[2]
    output = custom_output(size, kernel, stride, padding)
    top, left = (
        (s * (n - 1) + k - o) // 2 for n, k, s, o in zip(size, kernel, stride, output, strict=True)
    )
    result = np.tile(weights(FILTERS).astype(np.float64), (1, *output, 1))
    for y, x_, i, j in itertools.product(*map(range, (*size, *kernel))):
        row, column = y * stride[0] + i - top, x_ * stride[1] + j - left
        if 0 <= row < output[0] and 0 <= column < output[1]:
            result[0, row, column] += weight[:, i, j] @ x[0, y, x_]
    return result.astype(np.float32)


@PADDINGS
@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_custom_operator_spreads_pixels(kernel: Pair, stride: Pair, padding: int) -> None:
    generator = np.random.default_rng(0)
    for size in [(5, 6), (4, 7), (1, 2)]:
        samples = [[normal(generator, (1, *size, CHANNELS))] for _ in range(3)]
        model = custom_model(size, kernel, stride, padding)
        expected = [spread(x, kernel, stride, padding) for (x,) in samples]
        [result] = run_module(model, samples)
        limit = terms(kernel) * ULP * max(1, np.abs(expected).max())
        np.testing.assert_allclose(result, np.concatenate(expected), 0, limit)


def test_custom_operator_is_that_of_mediapipe() -> None:
    """One model with every window, for its runtime takes seconds to start."""
    builder, size = ModelBuilder(), (5, 6)
    x = builder.input((1, *size, CHANNELS))
    outputs = []
    for (kernel, stride), padding in itertools.product(WINDOWS, [SAME, VALID]):
        output = custom_output(size, kernel, stride, padding)
        outputs += builder.operator(
            "Convolution2DTransposeBias",
            [x, weights(FILTERS, *kernel, CHANNELS), weights(FILTERS)],
            [Tensor((1, *output, FILTERS))],
            custom_options=custom_options(padding, stride),
        )
    model = builder.build(outputs)
    values = normal(np.random.default_rng(0), (1, *size, CHANNELS))
    answers = kernel_answers(model, [values])
    results = run_module(model, [[values]])
    assert len(results) == len(answers) == 2 * len(WINDOWS)
    for result, answer in zip(results, answers, strict=True):
        limit = terms((5, 4)) * ULP * np.abs(answer).max()
        np.testing.assert_allclose(result, answer, rtol=0, atol=limit)


def test_gradients() -> None:
    module = load_module(convert_bytes(custom_model((2, 3), (3, 2), (2, 2), SAME)))
    x = torch.rand(2, CHANNELS, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module.double(), x)


def test_damaged_options_and_weights() -> None:
    good = [Tensor((1, 2, 3, 2)), weights(4, 2, 2, 2), weights(4)]
    output, options = [Tensor((1, 4, 6, 4))], custom_options(VALID, (2, 2))
    name = "Convolution2DTransposeBias"
    cases = [
        (good, options[:11], "11 bytes of options, where 12 belong"),
        (good, custom_options(VALID, (0, 2)), r"strides \(0, 2\)"),
        (good[:2], options, "2 inputs and 1 outputs of float32, where 3 and 1"),
        ([good[0], weights(4, 2, 2, 3), good[2]], options, "a weight of"),
        ([good[0], weights(4, 2, 2), good[2]], options, "a weight of"),
        ([*good[:2], weights(3)], options, r"a bias of \[3\] and strides"),
    ]
    for operands, custom, message in cases:
        model = one_operator_model(name, operands, output, custom_options=custom)
        with pytest.raises(InvalidModelError, match=message):
            convert_bytes(model)
    unknown = one_operator_model(name, good, output, custom_options=custom_options(5, (2, 2)))
    with pytest.raises(UnsupportedOpError, match="its padding is number 6"):
        convert_bytes(unknown)
