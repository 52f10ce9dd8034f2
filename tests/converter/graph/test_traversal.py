"""Orders of nodes, and who depends on whom."""

from __future__ import annotations

from tests.support.nodes import constant, image, step
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.traversal import (
    dominators,
    operands,
    producers_of,
    reached_outputs,
    topological_order,
)

x = image()
a = step("exp", x)
b, c = step("sin", *a.outputs), step("cos", *a.outputs)
d = step("add", *c.outputs, *b.outputs)
e = step("abs", *d.outputs)
DIAMOND: list[Node] = [a, b, c, d, e]


def test_operands_are_distinct_values_that_are_computed() -> None:
    assert operands(step("add", x, x)) == [x]
    assert operands(step("mul", x, constant(4, 1, 1))) == [x]
    assert operands(d) == [*c.outputs, *b.outputs]


def test_first_operands_come_first_whatever_the_order_was() -> None:
    for nodes in (DIAMOND, DIAMOND[::-1]):
        assert topological_order(e.outputs, producers_of(nodes)) == [a, c, b, d, e]


def test_only_what_values_depend_on() -> None:
    assert topological_order(b.outputs, producers_of(DIAMOND)) == [a, b]
    assert topological_order([x], producers_of(DIAMOND)) == []


def test_the_search_stops_at_a_node() -> None:
    producers = producers_of(DIAMOND)
    assert topological_order(e.outputs, producers, stop=a) == [c, b, d, e]
    assert topological_order(e.outputs, producers, stop=c) == [a, b, d, e]


def test_the_search_gives_up() -> None:
    producers = producers_of(DIAMOND)
    assert topological_order(e.outputs, producers, limit=5) == []
    assert len(topological_order(e.outputs, producers, limit=6)) == 5


def test_what_every_path_passes() -> None:
    assert dominators(DIAMOND) == {a: None, b: a, c: a, d: a, e: d}


def test_which_outputs_depend_on_a_node() -> None:
    idle = step("neg", x)
    reached = reached_outputs([*DIAMOND[:3], idle], [*b.outputs, *c.outputs])
    assert reached == {
        a: {*b.outputs, *c.outputs},
        b: {*b.outputs},
        c: {*c.outputs},
    } | {idle: set()}


def test_two_inputs_have_no_node_before_them_in_common() -> None:
    one, other = step("exp", image()), step("exp", image())
    both = step("add", *one.outputs, *other.outputs)
    assert dominators([one, other, both])[both] is None
