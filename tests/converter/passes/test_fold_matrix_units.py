"""A constant that scales a matrix's offsets alone goes into the mapping of landmarks.

No kernel of TFLite's maps landmarks; the answers are computed in float64.
"""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.custom import kernel_answers, run_module
from tests.support.models import Array, ModelBuilder, Operand, Ref, Tensor
from tests.support.operators import ULP, convert_bytes, graph_after, graph_of, normal, rewritten
from tflite2torch.converter.graph.nodes.region import TransformLandmarks
from tflite2torch.converter.passes.fold_matrix_units import fold_matrix_units

POINTS = 5


def units(offset: float = 4, **changed: float) -> Array:
    """Return a constant of ones, but for offsets and what is changed, by row and column."""
    constant = np.ones((1, 4, 4), np.float32)
    constant[0, :2, 3] = offset
    for place, number in changed.items():
        constant[0, int(place[1]), int(place[2])] = number
    return constant


def mapped(
    constant: Operand, *, swapped: bool = False, also: bool = False, kind: str = "MUL"
) -> bytes:
    """Map points by a matrix times a constant; perhaps return that product too."""
    b = ModelBuilder()
    points, matrix = b.input((1, POINTS, 3)), b.input((1, 4, 4))
    operands = [constant, matrix] if swapped else [matrix, constant]
    options = schema.MulOptionsT() if kind == "MUL" else schema.AddOptionsT()
    (product,) = b.operator(kind, operands, [Tensor((1, 4, 4))], options)
    results = transformed(b, points, product)
    return b.build([*results, product] if also else results)


def transformed(b: ModelBuilder, points: Operand, matrix: Operand) -> list[Ref]:
    result = Tensor((1, POINTS, 3))
    return b.operator("TransformLandmarks", [points, matrix], [result], version=2)


def assert_mapped(model: bytes, constant: Array) -> None:
    """Assert that x and y of each point are what the scaled matrix makes of them."""
    generator = np.random.default_rng(0)
    shapes = ((1, POINTS, 3), (1, 4, 4))
    samples = [[normal(generator, shape) for shape in shapes] for _ in range(3)]
    result, *_ = run_module(model, samples)
    for moved, (points, matrix) in zip(result, samples, strict=True):
        scaled = (matrix * constant)[0].astype(np.float64)
        expected = points[0].astype(np.float64)
        expected[:, :2] = points[0, :, :2] @ scaled[:2, :2].T + scaled[:2, 3]
        np.testing.assert_allclose(moved, expected, rtol=0, atol=8 * ULP * abs(expected).max())


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("offset", [4.0, 0.25])
def test_offsets_in_other_units(offset: float, swapped: bool) -> None:
    """The docstring's example."""
    model = mapped(units(offset), swapped=swapped)
    assert rewritten(graph_of(model), fold_matrix_units).count == 1
    (node,) = (
        node
        for node in graph_after(graph_of(model), fold_matrix_units).nodes
        if isinstance(node, TransformLandmarks)
    )
    assert node.scale == offset
    conversion = convert_bytes(model)
    assert f"scale={offset})" in conversion.source
    assert not conversion.state
    assert_mapped(model, units(offset))


def test_rows_that_the_mapping_does_not_read() -> None:
    """Neither z nor the last row takes part."""
    constant = units(4, p02=9, p20=7, p23=3, p33=8)
    assert rewritten(graph_of(mapped(constant)), fold_matrix_units).count == 1
    assert_mapped(mapped(constant), constant)


def test_a_product_that_is_read_elsewhere_too_stays_there() -> None:
    model = mapped(units(), also=True)
    assert rewritten(graph_of(model), fold_matrix_units).count == 1
    assert " * self." in convert_bytes(model).source
    assert_mapped(model, units())


NEAR_MISSES = {
    "turns too": units(4, p01=2),
    "stretches too": units(4, p00=0.5),
    "another offset down": units(4, p13=2),
    "no offset": units(0),
}


@pytest.mark.parametrize("constant", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_near_misses_are_left_alone_and_right(constant: Array) -> None:
    done = rewritten(graph_of(mapped(constant)), fold_matrix_units)
    assert done.count == 0
    (near_miss,) = done.near_misses
    assert near_miss.endswith("it changes more than offsets")
    assert_mapped(mapped(constant), constant)


def test_other_matrices_are_left_alone() -> None:
    """Sums, numbers, rows, and matrices that are computed or given."""
    assert rewritten(graph_of(mapped(units(), kind="ADD")), fold_matrix_units).count == 0
    for constant in (np.float32(4), np.full((1, 1, 4), 4, np.float32)):
        done = rewritten(graph_of(mapped(constant)), fold_matrix_units)
        assert (done.count, done.near_misses) == (0, [])
        assert_mapped(mapped(constant), np.broadcast_to(constant, (1, 4, 4)))
    given = Tensor((1, 4, 4))
    assert rewritten(graph_of(mapped(given)), fold_matrix_units).count == 0
    b = ModelBuilder()
    model = b.build(transformed(b, Tensor((1, POINTS, 3)), Tensor((1, 4, 4))))
    assert rewritten(graph_of(model), fold_matrix_units).count == 0
    assert_mapped(model, np.ones((1, 4, 4), np.float32))


def test_mediapipe_gives_the_same() -> None:
    generator = np.random.default_rng(0)
    inputs = [normal(generator, (1, POINTS, 3)), normal(generator, (1, 4, 4))]
    (answer,) = kernel_answers(mapped(units()), inputs)
    (result,) = run_module(mapped(units()), [inputs])
    np.testing.assert_allclose(result, answer, rtol=0, atol=8 * ULP * abs(answer).max())
