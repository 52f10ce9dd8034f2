"""Patterns of arithmetic: what matches, in which order of operands, and who else reads it."""

from __future__ import annotations

import numpy as np
import pytest

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.passes.pattern import Bindings, Matcher, Pattern, of


def value(name: str) -> Value:
    return Value(name, (N, 4, 3), "float32")


def step(function: str, *inputs: Value) -> Elementwise:
    return Elementwise(list(inputs), [value(function)], function)


def matched(pattern: Pattern, nodes: list[Node], *outputs: Value) -> Bindings | str | None:
    last = nodes[-1]
    graph = Graph("g", "g", [], [*last.outputs, *outputs], nodes)
    return Matcher(graph).match(pattern, last)


X, Y, C = Pattern(), Pattern(), Pattern(constant=True)


def test_operands_of_what_commutes_may_be_swapped() -> None:
    x, y = value("x"), value("y")
    inner = step("exp", x)
    pattern = of("add", Y, of("exp", X))
    for operands in ([y, *inner.outputs], [*inner.outputs, y]):
        found = matched(pattern, [inner, step("add", *operands)])
        assert isinstance(found, dict)
        assert (found[X], found[Y]) == (x, y)


def test_those_of_what_does_not_may_not() -> None:
    x, y = value("x"), value("y")
    inner = step("exp", x)
    pattern = of("sub", Y, of("exp", X))
    assert matched(pattern, [inner, step("sub", *inner.outputs, y)]) is None
    assert isinstance(matched(pattern, [inner, step("sub", y, *inner.outputs)]), dict)


def test_one_pattern_is_one_value() -> None:
    x, y = value("x"), value("y")
    pattern = of("mul", X, X)
    assert isinstance(matched(pattern, [step("mul", x, x)]), dict)
    assert matched(pattern, [step("mul", x, y)]) is None


def test_two_patterns_may_be_one_value() -> None:
    x = value("x")
    assert isinstance(matched(of("mul", X, Y), [step("mul", x, x)]), dict)


def test_a_constant_is_asked_for_or_not() -> None:
    x = value("x")
    c = Value("c", (3,), "float32", data=np.ones(3, np.float32))
    assert matched(of("mul", X, C), [step("mul", x, value("y"))]) is None
    found = matched(of("mul", X, C), [step("mul", c, x)])
    assert isinstance(found, dict)
    assert found[C] is c


def test_what_is_read_outside_is_named() -> None:
    inner = step("exp", value("x"))
    outer, other = step("neg", *inner.outputs), step("sin", *inner.outputs)
    pattern = of("neg", of("exp", X))
    assert matched(pattern, [inner, other, outer]) == "'exp' is read by others too"
    assert matched(pattern, [inner, outer], *inner.outputs) == ("'exp' is read by others too")
    assert isinstance(matched(pattern, [inner, outer]), dict)


@pytest.mark.parametrize(
    ("axes", "keepdim", "found"),
    [
        ((3,), True, True),
        ((1,), True, False),
        ((3,), False, False),
        ((2, 3), True, False),
    ],
)
def test_a_mean_over_the_last_axis(axes: tuple[int, ...], keepdim: bool, found: bool) -> None:
    x = Value("x", (N, 4, 3, 2), "float32")
    node = Reduce([x], [value("mean")], "mean", axes, keepdim)
    assert (matched(of("last_axis_mean", X), [node]) is not None) == found
