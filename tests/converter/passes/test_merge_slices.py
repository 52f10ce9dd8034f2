"""A slice of a slice becomes one slice of the whole."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Ref
from tests.support.operators import assert_same, graph_after, graph_of, rewritten
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.slicing import FULL, Slice
from tflite2torch.converter.passes.dead_code_elimination import eliminate_dead_code
from tflite2torch.converter.passes.merge_slices import merge_slices

SHAPE = (1, 7, 6)


class Slices(ModelBuilder):
    """Writes slices of (1, 7, 6)."""

    def __init__(self) -> None:
        super().__init__()
        self.x = self.input(SHAPE)

    def part(self, x: Ref, begin: list[int], size: list[int]) -> Ref:
        operands = [x, np.array(begin, np.int32), np.array(size, np.int32)]
        return self.operator("SLICE", operands, options=schema.SliceOptionsT())[0]

    def strided(
        self,
        x: Ref,
        begin: list[int],
        end: list[int],
        steps: list[int],
        *,
        dropped: int = 0,
    ) -> Ref:
        operands = [x, *(np.array(n, np.int32) for n in (begin, end, steps))]
        options = schema.StridedSliceOptionsT(shrinkAxisMask=dropped)
        return self.operator("STRIDED_SLICE", operands, options=options)[0]


def slices(model: bytes) -> list[Slice]:
    """Return the slices that are left when dead ones have been removed after the pass."""
    graph: Graph = graph_after(graph_of(model), merge_slices)
    eliminate_dead_code(graph)
    return [node for node in graph.nodes if isinstance(node, Slice)]


def test_two_in_a_row_are_one() -> None:
    """The docstring's example."""
    b = Slices()
    inner = b.part(b.part(b.x, [0, 0, 0], [1, 2, 6]), [0, 0, 0], [1, 1, 6])
    model = b.build([inner])
    (node,) = slices(model)
    assert node.index == (FULL, slice(None, 1, None), FULL)
    assert "[:, :1]" in assert_same(model).source


def test_three_in_a_row_are_one() -> None:
    b = Slices()
    x = b.part(b.x, [0, 1, 1], [1, 6, 5])
    x = b.part(x, [0, 1, 1], [1, 5, 4])
    model = b.build([b.part(x, [0, 1, 1], [1, 2, 2])])
    (node,) = slices(model)
    assert node.index == (FULL, slice(3, 5, None), slice(3, 5, None))
    assert_same(model)


STEPS = [slice(*ends, step) for ends in ((0, 7), (1, 6), (2, 7)) for step in (1, 2, 3)]


@pytest.mark.parametrize(
    ("first", "second"),
    [*itertools.product(STEPS, [(0, 2, 1), (1, 2, 1), (0, 2, 2)])],
)
def test_steps_multiply(first: slice, second: tuple[int, int, int]) -> None:
    b = Slices()
    x = b.strided(b.x, [0, first.start, 0], [1, first.stop, 6], [1, first.step, 1])
    begin, end, step = second
    model = b.build([b.strided(x, [0, begin, 0], [1, end, 6], [1, step, 1])])
    assert len(slices(model)) <= 1
    assert_same(model)


def test_backwards_of_backwards() -> None:
    b = Slices()
    x = b.strided(b.x, [0, 5, 0], [1, 0, 6], [1, -2, 1])
    assert_same(b.build([b.strided(x, [0, 2, 0], [1, 0, 6], [1, -1, 1])]))


def test_a_slice_that_is_read_elsewhere_too_stays() -> None:
    b = Slices()
    outer = b.part(b.x, [0, 1, 0], [1, 4, 6])
    inner = b.part(outer, [0, 1, 0], [1, 2, 6])
    (other,) = b.operator("NEG", [outer])
    model = b.build([inner, other])
    assert [node.index[1] for node in slices(model)] == [
        slice(1, 5, None),
        slice(2, 4, None),
    ]
    assert_same(model)


def test_a_slice_that_is_an_output_too_stays() -> None:
    b = Slices()
    outer = b.part(b.x, [0, 1, 0], [1, 4, 6])
    model = b.build([outer, b.part(outer, [0, 1, 0], [1, 2, 6])])
    assert len(slices(model)) == 2
    assert_same(model)


@pytest.mark.parametrize("axis", [1, 2])
def test_one_that_drops_an_axis_is_left_alone(axis: int) -> None:
    b = Slices()
    x = b.strided(b.x, [0, 2, 1], [1, 5, 4], [1, 1, 1], dropped=1 << axis)
    operands = [x, np.int32([0, 1]), np.int32([1, 2])]
    results = b.operator("SLICE", operands, options=schema.SliceOptionsT())
    model = b.build(results)
    assert_same(model)
    assert len(slices(model)) == 2
    done = rewritten(graph_of(model), merge_slices)
    assert done.count == 0
    (near_miss,) = done.near_misses
    assert near_miss.endswith("one of two slices drops an axis")


def test_the_last_one_may_not_drop_an_axis_either() -> None:
    b = Slices()
    x = b.part(b.x, [0, 2, 1], [1, 4, 4])
    model = b.build([b.strided(x, [0, 1, 1], [1, 2, 3], [1, 1, 1], dropped=2)])
    assert len(slices(model)) == 2
    assert_same(model)


def test_images_are_sliced_along_their_own_axes() -> None:
    """Channels are the last axis in TFLite, the second one in torch."""
    b = ModelBuilder()
    x = b.input((1, 6, 7, 5))
    for begin, size in (([0, 1, 2, 1], [1, 5, 4, 4]), ([0, 1, 1, 2], [1, 3, 2, 2])):
        operands = [x, np.array(begin, np.int32), np.array(size, np.int32)]
        (x,) = b.operator("SLICE", operands, options=schema.SliceOptionsT())
    model = b.build([x])
    (node,) = slices(model)
    assert node.index[1:] == (slice(3, None), slice(2, 5), slice(3, 5))
    assert_same(model)
