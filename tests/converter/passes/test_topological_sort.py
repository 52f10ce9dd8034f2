"""Nodes stand where a person would write them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.support.official import BUNDLED
from tests.support.operators import ALL_PASSES
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.rewriting import run_passes
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.passes.topological_sort import topological_sort


def step(function: str, *inputs: Value) -> Elementwise:
    return Elementwise(list(inputs), [Value(function, (N, 3), "float32")], function)


def test_heads_that_interleave_are_written_one_after_the_other() -> None:
    x = Value("x", (N, 3), "float32")
    a, b = step("exp", x), step("sin", x)
    c, d = step("abs", *a.outputs), step("neg", *b.outputs)
    graph = Graph("g", "g", [x], [*c.outputs, *d.outputs], [a, b, c, d])
    topological_sort(graph)
    assert graph.nodes == [a, c, b, d]
    graph.outputs.reverse()
    topological_sort(graph)
    assert graph.nodes == [b, d, a, c]


def test_what_nobody_needs_goes() -> None:
    x = Value("x", (N, 3), "float32")
    needed, idle = step("exp", x), step("sin", x)
    graph = Graph("g", "g", [x], needed.outputs, [idle, needed])
    topological_sort(graph)
    assert graph.nodes == [needed]


def test_a_deep_chain_does_not_exhaust_the_stack() -> None:
    x = Value("x", (N, 3), "float32")
    nodes = [step("exp", x)]
    for _ in range(5000):
        nodes.append(step("exp", *nodes[-1].outputs))
    graph = Graph("g", "g", [x], nodes[-1].outputs, nodes[::-1])
    topological_sort(graph)
    assert graph.nodes == nodes


@pytest.mark.parametrize("name", BUNDLED)
def test_any_order_that_can_run_gives_the_same_one(
    official_graph: Callable[[str], Graph], name: str
) -> None:
    graph = official_graph(name)
    run_passes(graph, ALL_PASSES)
    expected = list(graph.nodes)
    known = {*graph.inputs}
    for node in expected:
        assert all(v in known or v.data is not None for v in node.inputs)
        known.update(node.outputs)
    random.Random(1).shuffle(graph.nodes)
    topological_sort(graph)
    assert graph.nodes == expected
