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


def sum_with_the_input(
    builder: ModelBuilder, x: Ref, first: Ref, number: int
) -> list[Ref]:
    return builder.operator("ADD", [x, first], [IMAGE], schema.AddOptionsT())


def sum_with_a_constant(
    builder: ModelBuilder, x: Ref, first: Ref, number: int
) -> list[Ref]:
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
    good, path = tmp_path / "good.tflite", tmp_path / "long.tflite"
    good.write_bytes(good_model())
    path.write_bytes(builder.build([x]))
    verdicts = judge([good], [str(path)], jobs=1)
    assert verdicts[str(path)] == Verdict("converted", "")
