"""MAX_POOL_2D and AVERAGE_POOL_2D, against the reference kernels."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import ACTIVATIONS, assert_same, convert_bytes, wide
from tflite2torch.converter.errors import InvalidModelError

KINDS = ["MAX_POOL_2D", "AVERAGE_POOL_2D"]
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
KERNELS = [(1, 1), (2, 2), (3, 3), (2, 3), (4, 1)]
STRIDES = [(1, 1), (2, 2), (3, 3), (2, 1)]


def pool_model(
    kind: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: int,
    activation: int = 0,
) -> bytes:
    options = schema.Pool2DOptionsT(
        padding=padding,
        filterHeight=kernel[0],
        filterWidth=kernel[1],
        strideH=stride[0],
        strideW=stride[1],
        fusedActivationFunction=activation,
    )
    return one_operator_model(kind, [Tensor((1, *size, 3))], options=options)


def ulps(kind: str, kernel: tuple[int, int]) -> int:
    """A maximum is one of the elements; a mean sums them and divides."""
    return 0 if kind == "MAX_POOL_2D" else kernel[0] * kernel[1] + 1


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", KINDS)
def test_valid(kind: str, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    for size in [(6, 9), (7, 8)]:
        assert_same(pool_model(kind, size, kernel, stride, VALID), ulps(kind, kernel))


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_same_maximum(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    for size in [(6, 9), (7, 8)]:
        assert_same(pool_model("MAX_POOL_2D", size, kernel, stride, SAME))


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_same_mean_does_not_count_the_padding(
    kernel: tuple[int, int], stride: tuple[int, int]
) -> None:
    for size in [(6, 9), (7, 8), (1, 2)]:
        model = pool_model("AVERAGE_POOL_2D", size, kernel, stride, SAME)
        assert_same(model, ulps("AVERAGE_POOL_2D", kernel))


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_fused_activations(kind: str, activation: int) -> None:
    model = pool_model(kind, (4, 6), (2, 2), (2, 2), VALID, activation)
    assert_same(model, ulps(kind, (2, 2)), wide)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_over_the_whole_image(kind: str) -> None:
    assert_same(pool_model(kind, (5, 4), (5, 4), (5, 4), VALID), ulps(kind, (5, 4)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_larger_than_the_image_is_a_damaged_file(kind: str) -> None:
    options = schema.Pool2DOptionsT(
        padding=VALID, filterHeight=9, filterWidth=2, strideH=1, strideW=1
    )
    operands, outputs = [Tensor((1, 4, 4, 3))], [Tensor((1, 1, 3, 3))]
    model = one_operator_model(kind, operands, outputs, options)
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)
