"""Edited copies of a model: other outputs, and inputs that an image of bytes spells."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder
from tests.support.reference import run_reference
from tflite2torch.parity.reference.editing import (
    GRID,
    PLANES,
    ByteFed,
    part_of,
    resummed,
    with_outputs,
)
from tflite2torch.parity.reference.wire import Array

SHAPES = [(1, 3, 5, 3), (1, 7), (1, 4, 4)]


def three_inputs() -> bytes:
    """Return a model that gives its inputs' negatives, the last one's first."""
    builder = ModelBuilder()
    inputs = [builder.input(shape) for shape in SHAPES]
    options = schema.NegOptionsT()
    outputs = [builder.operator("NEG", [x], options=options)[0] for x in inputs]
    return builder.build(outputs[::-1])


def numbers() -> list[Array]:
    """Return float32 numbers of every size that bytes can spell, of either sign."""
    generator = np.random.default_rng(0)
    arrays: list[Array] = []
    for shape in SHAPES:
        sizes = 2.0 ** generator.uniform(-17, 16, shape)
        signed = sizes * generator.choice([-1, 1], shape)
        arrays.append(signed.astype(np.float32))
    arrays[1][0, :5] = 0, -0.0, np.nextafter(np.float32(65536), 0), 2**-17, 255
    return arrays


@pytest.mark.parametrize("kernels", ["reference", "builtin", "xnnpack"])
def test_bytes_spell_numbers_exactly(kernels: str) -> None:
    fed, arrays = ByteFed(three_inputs(), SHAPES), numbers()
    image = fed.image(arrays)
    assert image.dtype == np.uint8
    assert image.shape == (*fed.size, 3)
    *decoded, last, middle, first = run_reference(fed.model, [image[None]], kernels)  # type: ignore[arg-type]
    for given, seen in zip(arrays, decoded, strict=True):
        np.testing.assert_array_equal(given, seen)
    for given, negative in zip(arrays, [first, middle, last], strict=True):
        np.testing.assert_array_equal(-given, negative)


def test_smaller_numbers_are_rounded_to_the_grid() -> None:
    fed, arrays = ByteFed(three_inputs(), SHAPES), numbers()
    arrays[1][0] = [1e-45, -1e-30, 0.6 * GRID, -0.6 * GRID, 1e-6, -1e-9, 3e-12]
    _, decoded, *_ = run_reference(fed.model, [fed.image(arrays)[None]])
    assert np.abs(decoded - arrays[1]).max() <= GRID / 2
    assert decoded[0, :4].tolist() == [0, 0, GRID, -GRID]


@pytest.mark.parametrize("value", [65536, -65536, np.inf, np.nan])
def test_other_numbers_are_refused(value: float) -> None:
    fed, arrays = ByteFed(three_inputs(), SHAPES), numbers()
    arrays[2][0, 3, 3] = value
    with pytest.raises(ValueError, match="an input that is not below 65536"):
        fed.image(arrays)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50, 50, 3), (1, 4000)])
def test_images_are_nearly_square(shape: tuple[int, ...]) -> None:
    builder = ModelBuilder()
    x = builder.input(shape)
    [y] = builder.operator("NEG", [x], options=schema.NegOptionsT())
    fed = ByteFed(builder.build([y]), [shape])
    height, width = fed.size
    assert width - PLANES < height < width + 2 * PLANES
    values = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    decoded, answer = run_reference(fed.model, [fed.image([values])[None]])
    np.testing.assert_array_equal(decoded, values)
    np.testing.assert_array_equal(answer, -values)


def test_inner_tensors_become_outputs() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 3))
    [inner] = builder.operator("NEG", [x], options=schema.NegOptionsT())
    [outer] = builder.operator("ABS", [inner], options=schema.AbsOptionsT())
    model = with_outputs(builder.build([outer]), [outer.index, inner.index])
    one, other = run_reference(model, [[[0, -1, 2]]])
    assert one.tolist() == [[0, 1, 2]]
    assert other.tolist() == [[0, 1, -2]]


def test_a_part_takes_what_the_rest_would_give() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 3))
    [inner] = builder.operator("NEG", [x], options=schema.NegOptionsT())
    [outer] = builder.operator("ABS", [inner], options=schema.AbsOptionsT())
    model = part_of(builder.build([outer]), [1], [inner.index], [outer.index])
    [answer] = run_reference(model, [[[-3, 4, -5]]])
    assert answer.tolist() == [[3, 4, 5]]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("axes", [[1, 2], [2, -1, 1], [-2], [3, 3]])
@pytest.mark.parametrize("name", ["MEAN", "SUM"])
def test_sums_in_another_order_are_the_same_but_for_rounding(
    name: str, axes: list[int], keep: bool
) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 60, 70, 3))
    options = schema.ReducerOptionsT(keepDims=keep)
    [total] = builder.operator(name, [x, np.int32(axes)], options=options)
    [y] = builder.operator("NEG", [total], options=schema.NegOptionsT())
    model = builder.build([y])
    values = np.random.default_rng(0).uniform(0, 1, (1, 60, 70, 3)).astype(np.float32)
    [one], [other] = (
        run_reference(model, [values]),
        run_reference(resummed(model), [values]),
    )
    function = np.mean if name == "MEAN" else np.sum
    exact = -function(
        values.astype(np.float64),
        axis=tuple(np.unique(np.array(axes) % 4)),
        keepdims=keep,
    )
    assert one.shape == other.shape == exact.shape
    np.testing.assert_allclose(other, exact, rtol=4e-7)
    if axes != [3, 3]:  # three numbers leave nothing to choose
        assert np.abs(other - exact).max() < np.abs(one - exact).max() / 2
