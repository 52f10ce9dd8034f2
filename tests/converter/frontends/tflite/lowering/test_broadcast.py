"""Operands of every rank act on the axes that TFLite means, whatever the layout of an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from tests.support.networks import Network
from tests.support.operators import convert_bytes
from tests.support.reference import run_reference
from tflite2torch.converter.graph.value import Array, Shape
from tflite2torch.converter.loading import load_module

IMAGE = (1, 4, 5, 3)
"""Three different sizes: an operand that acts on another axis does not fit, or gives others."""

SHAPES: list[Shape] = [
    *[(3,), (5, 3), (1, 3), (5, 1), (4, 5, 3), (4, 1, 3), (1, 5, 1), (4, 1, 1), (4, 5, 1)],
    *[(1, 4, 5, 3), (1, 1, 1, 3), (1, 4, 1, 1), (1, 1, 5, 3)],
]
OPTIONS = {
    "ADD": schema.AddOptionsT(),
    "SUB": schema.SubOptionsT(),
    "MUL": schema.MulOptionsT(),
    "MAXIMUM": schema.MaximumMinimumOptionsT(),
    "SQUARED_DIFFERENCE": schema.SquaredDifferenceOptionsT(),
}


def in_torch(array: Array) -> torch.Tensor:
    return torch.from_numpy(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["constant", "input", "computed"])
@pytest.mark.parametrize("operator", OPTIONS)
def test_operands_of_any_rank_beside_an_image(operator: str, kind: str, shape: Shape) -> None:
    generator = np.random.default_rng(0)
    image, values = (generator.normal(1, 0.3, s).astype(np.float32) for s in (IMAGE, shape))
    b = Network()
    x = b.conv(b.input(IMAGE), 3, 3)
    given = [image] if kind == "constant" else [image, values]
    other = values if kind == "constant" else b.input(shape)
    if kind == "computed":
        other = b.function("ABS", other)
    sides = [other, x] if operator == "SUB" else [x, other]
    model = b.build(b.operator(operator, sides, options=OPTIONS[operator]))
    module = load_module(convert_bytes(model))
    with torch.no_grad():
        result = module(*map(in_torch, given))
    (expected,) = run_reference(model, given, "reference")
    torch.testing.assert_close(result, in_torch(expected), rtol=1e-5, atol=1e-5)
