"""Long models take no longer than in proportion: a hostile one may have 4,096 operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.hostile.children import Verdict, judge
from tests.hostile.crafted import good_model
from tests.support.models import ModelBuilder, Ref, Tensor

IMAGE = Tensor((1, 4, 4, 3))
LENGTH = 1000
"""The longest official model has 712 operators."""

Step = Callable[[ModelBuilder, Ref, Ref, int], list[Ref]]


def activation(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    return builder.operator("RELU", [x], [IMAGE])


def sum_with_the_input(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    return builder.operator("ADD", [x, first], [IMAGE], schema.AddOptionsT())


def sum_with_a_constant(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    addend = np.float32([number, 2, 3])
    return builder.operator("ADD", [x, addend], [IMAGE], schema.AddOptionsT())


def convolution(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    operands = [x, np.ones((3, 1, 1, 3), np.float32), np.zeros(3, np.float32)]
    options = schema.Conv2DOptionsT(strideH=1, strideW=1)
    return builder.operator("CONV_2D", operands, [IMAGE], options)


def depthwise(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    operands = [x, np.ones((1, 3, 3, 3), np.float32), np.zeros(3, np.float32)]
    options = schema.DepthwiseConv2DOptionsT(strideH=1, strideW=1, depthMultiplier=1)
    return builder.operator("DEPTHWISE_CONV_2D", operands, [IMAGE], options)


def residual(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    (branch,) = convolution(builder, x, first, number)
    return builder.operator("ADD", [branch, x], [IMAGE], schema.AddOptionsT())


def padded_shortcut(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    """A block whose shortcut no other one has: paddings of no width with other values."""
    skip = x
    for value in range(4):
        operands = [skip, np.zeros((4, 2), np.int32), np.float32(4 * number + value)]
        (skip,) = builder.operator("PADV2", operands, [IMAGE])
    (branch,) = convolution(builder, x, first, number)
    return builder.operator("ADD", [branch, skip], [IMAGE], schema.AddOptionsT())


STEPS: list[Step] = [activation, convolution, depthwise, residual, sum_with_a_constant]


def any_of_them(builder: ModelBuilder, x: Ref, first: Ref, number: int) -> list[Ref]:
    """Layers of which some few in a row repeat here and there."""
    place = np.random.default_rng(number).integers(len(STEPS))
    return STEPS[place](builder, x, first, number % 5)


@pytest.mark.parametrize(
    "step",
    [
        activation,
        sum_with_the_input,
        sum_with_a_constant,
        convolution,
        depthwise,
        residual,
        any_of_them,
    ],
)
def test_long_chain(step: Step, tmp_path: Path) -> None:
    builder = ModelBuilder()
    first = x = builder.input((1, 4, 4, 3))
    for number in range(LENGTH):
        (x,) = step(builder, x, first, number)
    assert_converts(builder.build([x]), tmp_path)


def test_shortcuts_that_are_padded_otherwise_in_each_block(tmp_path: Path) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4, 4, 3))
    for number in range(LENGTH // 6):
        (x,) = padded_shortcut(builder, x, x, number)
    assert_converts(builder.build([x]), tmp_path)


def test_a_stack_of_many(tmp_path: Path) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4))
    parts = [
        builder.operator("ADD", [x, np.float32(n)], options=schema.AddOptionsT())[0]
        for n in range(LENGTH // 2)
    ]
    options = schema.PackOptionsT(valuesCount=len(parts), axis=1)
    whole = builder.operator("PACK", parts, options=options)
    assert_converts(builder.build(whole), tmp_path)


def test_blocks_that_could_nest_hundreds_deep(tmp_path: Path) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4, 4, 3))
    for _ in range(2):
        (y,) = convolution(builder, x, x, 0)
        for _ in range(LENGTH // 4):
            (y,) = sum_with_the_input(builder, y, x, 0)
        (x,) = builder.operator("TANH", [y], [IMAGE])
    assert_converts(builder.build([x]), tmp_path)


def assert_converts(model: bytes, folder: Path) -> None:
    """Assert that it does, within the limits of time and memory of ``judge``."""
    good, path = folder / "good.tflite", folder / "long.tflite"
    good.write_bytes(good_model())
    path.write_bytes(model)
    verdicts = judge([good], [str(path)], jobs=1)
    assert verdicts[str(path)] == Verdict("converted", "")
