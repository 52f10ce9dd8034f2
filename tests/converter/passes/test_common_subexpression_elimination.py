"""What is computed twice from the same values is computed once, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.layers import Image, Layers
from tests.support.nodes import constant, conv, graph, image, pool, prelu, result, step
from tests.support.official import FACTS
from tests.support.operators import ALL_PASSES, all_nodes, assert_same, count, graph_of
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.rewriting import run_passes
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.passes.common_subexpression_elimination import (
    eliminate_common_subexpressions,
)
from tflite2torch.converter.structure.structure import Block

ULPS = 300


def merged(nodes: list[Node], *outputs: Value) -> list[Node]:
    whole = graph([], nodes, *outputs)
    eliminate_common_subexpressions(whole)
    return whole.nodes


def test_equal_steps_of_equal_steps() -> None:
    """The docstring's example, with what reads them."""
    x, half = image(), constant(value=0.5)
    a, c = step("exp", x), step("exp", x)
    b, d = step("mul", result(a), half), step("mul", result(c), constant(value=0.5))
    end = step("sub", result(b), result(d))
    assert merged([a, b, c, d, end]) == [a, b, end]
    assert end.inputs == [result(b), result(b)]


NEAR_MISSES: dict[str, Callable[[Value], tuple[Node, Node]]] = {
    "of other values": lambda x: (step("exp", x), step("exp", image())),
    "another function": lambda x: (step("exp", x), step("tanh", x)),
    "another window": lambda x: (pool(x), pool(x, 4)),
    "another stride": lambda x: (pool(x), pool(x, 2, 1)),
    "another kind": lambda x: (pool(x), pool(x, kind="avg")),
    "another number": lambda x: (
        step("mul", x, constant(value=0.5)),
        step("mul", x, constant(value=0.25)),
    ),
    "zero of the other sign": lambda x: (
        step("mul", x, constant(value=0.0)),
        step("mul", x, constant(value=-0.0)),
    ),
    "another constant": lambda x: (
        step("mul", x, constant(4, 1, 1)),
        step("mul", x, constant(4, 1, 1)),
    ),
    "operands swapped": lambda x: (
        step("sub", x, constant(4, 1, 1)),
        step("sub", constant(4, 1, 1), x),
    ),
    "weights": lambda x: (conv(x, 4), conv(x, 4)),
    "slopes": lambda x: (prelu(x), prelu(x)),
}


@pytest.mark.parametrize("pair", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_near_misses_stay(pair: Callable[[Value], tuple[Node, Node]]) -> None:
    one, other = pair(image())
    end = step("add", result(one), result(other))
    assert merged([one, other, end]) == [one, other, end]
    assert end.inputs == [result(one), result(other)]


def test_outputs_stay_as_they_are() -> None:
    """Each has a name and a tensor of its own."""
    x = image()
    a, b, c = (step("exp", x) for _ in range(3))
    end = step("sub", result(b), result(c))
    assert merged([a, b, c, end], result(a), result(end)) == [a, b, end]
    assert merged([a, b, c], result(a), result(b), result(c)) == [a, b, c]


def test_a_shape_is_part_of_it() -> None:
    x = image()
    reshapes: list[Node] = [
        Reshape([x], [Value("y", shape, "float32")], shape)
        for shape in ((1, 4, 64), (1, 4, 64), (1, 64, 4))
    ]
    same = step("sub", result(reshapes[0]), result(reshapes[1]))
    end = step("exp", result(reshapes[2]))
    assert merged([*reshapes, same, end]) == [*reshapes[::2], same, end]
    assert same.inputs == [result(reshapes[0])] * 2


class Heads(Layers):
    """Writes heads that pool the same trunk, each for itself."""

    def __init__(self) -> None:
        super().__init__(seed=2)
        x = self.convolve(self.image(12, 10, 3), 4, 3)
        self.trunk = self.like(x, self.function("RELU", x.ref))

    def head(self, filters: int = 4) -> Image:
        x = self.pool(self.trunk)
        y = self.sum(self.convolve(x, 4, 3), x)
        y = self.like(y, self.function("RELU", y.ref))
        return self.convolve(y, filters)


def test_heads_read_the_same_pool() -> None:
    b = Heads()
    model = b.build([b.head().ref, b.head().ref])
    whole = graph_of(model)
    run_passes(whole, ALL_PASSES)
    assert count(whole, Pool2d) == 1
    assert count(whole, Block) == 2
    assert_same(model, ULPS)


@pytest.mark.parametrize("filters", [(4, 4), (4, 7)], ids=["equal", "other widths"])
def test_so_they_do_if_the_second_one_is_given_first(filters: tuple[int, int]) -> None:
    """A block whose operand was merged is then the one that shows its class."""
    b = Heads()
    heads = [b.head(n).ref for n in filters]
    assert_same(b.build(heads[::-1]), ULPS)


def test_units_that_read_two_equal_values_are_no_use_of_one_that_reads_two_others() -> None:
    """Merged, the first sum would read one value, and its class read that one twice."""
    b = Layers(seed=2)

    def function(name: str, x: Image) -> Image:
        return b.like(x, b.function(name, x.ref))

    def total(one: Image, other: Image, filters: int) -> Image:
        return b.sum(b.convolve(one, filters, 3), b.convolve(other, filters, 3))

    x = b.convolve(b.image(8, 8, 4), 4, 3)
    x = total(function("RELU", x), function("RELU", x), 6)
    x = total(function("TANH", x), function("ABS", x), 4)
    model = b.build([x.ref])
    assert_same(model, 1000)


def test_what_blocks_hold_is_left_to_them() -> None:
    """Two residuals of one value compute the same activation, each in its own class."""
    b = Layers(seed=2)
    x = b.convolve(b.image(8, 8, 3), 4, 3)
    ends = []
    for _ in range(2):
        y = b.like(x, b.function("TANH", x.ref))
        ends.append(b.sum(b.convolve(y, 4, 3), x).ref)
    model = b.build(ends)
    whole = graph_of(model)
    run_passes(whole, ALL_PASSES)
    tanh = [n for n in all_nodes(whole.nodes) if isinstance(n, Elementwise)]
    assert sum(node.function == "tanh" for node in tanh) == 2
    assert_same(model, ULPS)


def test_numbers_of_other_types_are_others() -> None:
    x = Value("x", (1, 4), "int32")
    numbers = [Value("n", (), d, data=np.array(1, d)) for d in ("int32", "int64")]
    one, other = (step("mul", x, number) for number in numbers)
    end = step("add", result(one), result(other))
    assert merged([one, other, end]) == [one, other, end]


@pytest.mark.parametrize("name", FACTS)
def test_official_models_have_none_left(official_graph: Callable[[str], Graph], name: str) -> None:
    whole = official_graph(name)
    run_passes(whole, ALL_PASSES)
    before = list(whole.nodes)
    eliminate_common_subexpressions(whole)
    assert whole.nodes == before
