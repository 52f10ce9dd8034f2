"""MaxPoolingWithArgmax2D and MaxUnpooling2D, against loops that say what they mean and,
where its environment is there, against MediaPipe's own kernels."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from tests.support.custom import kernel_answers, run_module
from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import convert_bytes, normal
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.loading import load_module

Array = npt.NDArray[np.float32]
Pair = tuple[int, int]

SAME, VALID = 1, 2
POOL, UNPOOL = "MaxPoolingWithArgmax2D", "MaxUnpooling2D"
PADDINGS = pytest.mark.parametrize("padding", [SAME, VALID], ids=["same", "valid"])
KERNELS = [(1, 1), (2, 2), (3, 3), (2, 3), (4, 2)]
STRIDES = [(1, 1), (2, 2), (3, 3), (1, 2)]
WINDOWS = list(itertools.product(KERNELS, STRIDES))
ACTIVATIONS = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
CHANNELS = 3


def pool_options(padding: int, stride: Pair, kernel: Pair, activation: int = 0) -> bytes:
    """Return a TfLitePoolParams; what follows the activation is for the kernel's own use."""
    fields = padding, *stride[::-1], *kernel[::-1], activation, 0, 0, 0, 0
    return struct.pack("<10i", *fields)


def pooled_size(size: Pair, kernel: Pair, stride: Pair, padding: int) -> Pair:
    height, width = (
        -(-n // s) if padding == SAME else (n - k) // s + 1
        for n, k, s in zip(size, kernel, stride, strict=True)
    )
    return height, width


def pool_model(size: Pair, kernel: Pair, stride: Pair, padding: int, activation: int = 0) -> bytes:
    shape = (1, *pooled_size(size, kernel, stride, padding), CHANNELS)
    return one_operator_model(
        POOL,
        [Tensor((1, *size, CHANNELS))],
        [Tensor(shape), Tensor(shape)],
        custom_options=pool_options(padding, stride, kernel, activation),
    )


def unpool_model(size: Pair, kernel: Pair, stride: Pair) -> bytes:
    shape = 1, *size, CHANNELS
    return one_operator_model(
        UNPOOL,
        [Tensor(shape), Tensor(shape)],
        [Tensor((1, size[0] * kernel[0], size[1] * kernel[1], CHANNELS))],
        custom_options=pool_options(VALID, stride, kernel),
    )


def pool(
    x: Array, kernel: Pair, stride: Pair, padding: int, low: float, high: float
) -> list[Array]:
    """Search each window for its first maximum."""
    size = x.shape[1], x.shape[2]
    output = pooled_size(size, kernel, stride, padding)
    top, left = (
        max((o - 1) * s + k - n, 0) // 2
        for n, k, s, o in zip(size, kernel, stride, output, strict=True)
    )
    values = np.zeros((1, *output, CHANNELS), np.float32)
    places = np.zeros_like(values)
    for row, column, channel in itertools.product(*map(range, values.shape[1:])):
        best = -np.inf
        for number, (i, j) in enumerate(itertools.product(*map(range, kernel))):
            y, x_ = row * stride[0] - top + i, column * stride[1] - left + j
            inside = 0 <= y < size[0] and 0 <= x_ < size[1]
            if inside and x[0, y, x_, channel] > best:
                best = x[0, y, x_, channel]
                places[0, row, column, channel] = np.float32(number) + np.float32(0.1)
        values[0, row, column, channel] = np.clip(best, low, high)
    return [values, places]


def unpool(x: Array, places: Array, kernel: Pair, stride: Pair) -> Array:
    """Copy each pixel to its position, one after the other."""
    _, height, width, channels = x.shape
    size = height * kernel[0], width * kernel[1]
    top, left = (
        max((n - 1) * s + k - n * k, 0) // 2
        for n, k, s in zip((height, width), kernel, stride, strict=True)
    )
    result = np.zeros((1, *size, channels), np.float32)
    for row, column, channel in itertools.product(*map(range, x.shape[1:])):
        i, j = divmod(int(places[0, row, column, channel]), kernel[1])
        y, x_ = row * stride[0] - top + i, column * stride[1] - left + j
        if 0 <= y < size[0] and 0 <= x_ < size[1]:
            result[0, y, x_, channel] = x[0, row, column, channel]
    return result


def images(size: Sequence[int], count: int = 3) -> list[Array]:
    """Return images of few different numbers, so that windows have several maxima."""
    generator = np.random.default_rng(0)
    shape = (count, 1, *size, CHANNELS)
    return list(generator.integers(-3, 4, shape).astype(np.float32))


@PADDINGS
@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_pool_finds_the_first_maximum(kernel: Pair, stride: Pair, padding: int) -> None:
    for size in [(5, 6), (4, 7)]:
        samples = images(size)
        model = pool_model(size, kernel, stride, padding)
        results = run_module(model, [[x] for x in samples])
        expected = [pool(x, kernel, stride, padding, -np.inf, np.inf) for x in samples]
        for result, parts in zip(results, zip(*expected, strict=True), strict=True):
            np.testing.assert_array_equal(result, np.concatenate(parts))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=ACTIVATIONS.values())
def test_pool_activates_values_but_not_places(activation: int) -> None:
    x = images((4, 6), 1)[0] * 4
    low, high = {0: (-99, 99), 1: (0, 99), 2: (-1, 1), 3: (0, 6)}[activation]
    model = pool_model((4, 6), (2, 2), (2, 2), VALID, activation)
    values, places = run_module(model, [[x]])
    expected = pool(x, (2, 2), (2, 2), VALID, low, high)
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_array_equal(places, expected[1])


def test_a_window_by_hand() -> None:
    x = np.zeros((1, 2, 2, CHANNELS), np.float32)
    x[0, :, :, 0] = [[1, 2], [4, 3]]
    x[0, :, :, 1] = [[5, 5], [0, 5]]
    x[0, :, :, 2] = [[-4, -3], [-2, -1]]
    values, places = run_module(pool_model((2, 2), (2, 2), (2, 2), VALID), [[x]])
    assert values.tolist() == [[4, 5, -1]]
    np.testing.assert_array_equal(places[0], np.float32([2.1, 0.1, 3.1]))


@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_unpool_puts_pixels_where_places_say(kernel: Pair, stride: Pair) -> None:
    """Windows may overlap, where the last pixel wins, or reach beyond the result."""
    generator = np.random.default_rng(1)
    for size in [(3, 4), (1, 2)]:
        shape = 1, *size, CHANNELS
        count = kernel[0] * kernel[1]
        samples = [
            [normal(generator, shape), generator.integers(0, count, shape) + 0.1] for _ in range(3)
        ]
        samples = [[x, places.astype(np.float32)] for x, places in samples]
        [result] = run_module(unpool_model(size, kernel, stride), samples)
        expected = [unpool(x, places, kernel, stride) for x, places in samples]
        np.testing.assert_array_equal(result, np.concatenate(expected))


def test_pool_then_unpool_keeps_the_largest_pixels_where_they_were() -> None:
    builder, size = ModelBuilder(), (4, 6)
    x = builder.input((1, *size, CHANNELS))
    half = Tensor((1, 2, 3, CHANNELS))
    options = pool_options(SAME, (2, 2), (2, 2))
    pooled = builder.operator(POOL, [x], [half, half], custom_options=options)
    whole = [Tensor((1, *size, CHANNELS))]
    [result] = builder.operator(UNPOOL, pooled, whole, custom_options=options)
    values = normal(np.random.default_rng(2), (1, *size, CHANNELS))
    [answer] = run_module(builder.build([result]), [[values]])
    kept = answer != 0
    np.testing.assert_array_equal(answer[kept], values[kept])
    blocks = kept.reshape(2, 2, 3, 2, CHANNELS).sum(axis=(1, 3))
    assert (blocks == 1).all()


def test_kernels_are_those_of_mediapipe() -> None:
    """One model with every window, for its runtime takes seconds to start.

    Its unpooling does not look whether it writes into its result, and thus only gets what
    lies inside.
    """
    builder, size = ModelBuilder(), (5, 6)
    x = builder.input((1, *size, CHANNELS))
    outputs = []
    for (kernel, stride), padding in itertools.product(WINDOWS, [SAME, VALID]):
        shape = Tensor((1, *pooled_size(size, kernel, stride, padding), CHANNELS))
        for activation in (0, 3):
            options = pool_options(padding, stride, kernel, activation)
            outputs += builder.operator(POOL, [x], [shape, shape], custom_options=options)
    for kernel, stride in WINDOWS:
        if all(s <= k for s, k in zip(stride, kernel, strict=True)):
            options = pool_options(VALID, stride, kernel)
            whole = [Tensor((1, 5 * kernel[0], 6 * kernel[1], CHANNELS))]
            minimum = np.float32(kernel[0] * kernel[1] - 0.5)
            [place] = builder.operator(
                "MINIMUM",
                [x, minimum],
                [Tensor((1, *size, CHANNELS))],
                options=schema.MaximumMinimumOptionsT(),
            )
            outputs += builder.operator(UNPOOL, [x, place], whole, custom_options=options)
    model = builder.build(outputs)
    values = np.abs(images(size, 1)[0]) + np.float32(0.25)
    for result, answer in zip(
        run_module(model, [[values]]), kernel_answers(model, [values]), strict=True
    ):
        np.testing.assert_array_equal(result, answer)


def test_gradients_go_to_what_was_picked() -> None:
    pooling = load_module(convert_bytes(pool_model((4, 5), (3, 2), (2, 2), SAME)))
    x = torch.randperm(2 * CHANNELS * 20).reshape(2, CHANNELS, 4, 5).double()
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda image: pooling(image)[0], x)
    unpooling = load_module(convert_bytes(unpool_model((2, 3), (2, 2), (1, 1))))
    small = torch.rand(2, CHANNELS, 2, 3, dtype=torch.float64, requires_grad=True)
    places = torch.randint(0, 4, small.shape).double()
    assert torch.autograd.gradcheck(lambda image: unpooling(image, places), small)


def test_damaged_options() -> None:
    x, half = Tensor((1, 4, 6, 3)), Tensor((1, 2, 3, 3))
    cases = [
        (pool_options(SAME, (2, 2), (2, 2))[:23], "23 bytes of options, where 24"),
        (pool_options(SAME, (0, 2), (2, 2)), "a window of 2x2 at strides 0 and 2"),
        (pool_options(SAME, (2, 2), (-1, 2)), "a window of -1x2"),
        (pool_options(VALID, (2, 2), (5, 2)), "does not fit an input"),
    ]
    for options, message in cases:
        model = one_operator_model(POOL, [x], [half, half], custom_options=options)
        with pytest.raises(InvalidModelError, match=message):
            convert_bytes(model)
    good = pool_options(SAME, (2, 2), (2, 2))
    one = one_operator_model(POOL, [x], [half], custom_options=good)
    with pytest.raises(InvalidModelError, match="1 inputs and 1 outputs of float32"):
        convert_bytes(one)
    integers = [half, Tensor(half.shape, "int32")]
    typed = one_operator_model(POOL, [x], integers, custom_options=good)
    with pytest.raises(InvalidModelError, match="outputs of float32, int32, where"):
        convert_bytes(typed)
    for options, message in [
        (pool_options(0, (2, 2), (2, 2)), "its padding is number 0"),
        (pool_options(SAME, (2, 2), (2, 2), 4), "fused activation is number 4"),
    ]:
        model = one_operator_model(POOL, [x], [half, half], custom_options=options)
        with pytest.raises(UnsupportedOpError, match=message):
            convert_bytes(model)


def test_places_of_another_shape_are_a_damaged_file() -> None:
    operands = [Tensor((1, 2, 3, 3)), Tensor((1, 3, 2, 3))]
    options = pool_options(SAME, (2, 2), (2, 2))
    model = one_operator_model(UNPOOL, operands, [Tensor((1, 4, 6, 3))], custom_options=options)
    with pytest.raises(InvalidModelError, match="places"):
        convert_bytes(model)
