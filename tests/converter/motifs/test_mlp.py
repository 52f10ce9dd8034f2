"""Two linear layers with an activation between them become blocks where that repeats."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Ref
from tests.support.networks import Network
from tests.support.official import FACTS
from tests.support.operators import (
    all_nodes,
    assert_same,
    graph_after,
    graph_of,
    weights,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.motifs.mlp import MLP
from tflite2torch.converter.structure.blocks import find_blocks
from tflite2torch.converter.structure.structure import Block

C = 4
ULPS = 40**2
"""Two products of up to 12 terms each, the second of what the first gives."""


class Tokens(Network):
    """Writes layers over the last axis."""

    def linear(self, x: Ref, width: int, filters: int, *, bias: bool = True) -> Ref:
        options = schema.FullyConnectedOptionsT(keepNumDims=True)
        operands = [x, weights(filters, width), weights(filters) if bias else None]
        return self.operator("FULLY_CONNECTED", operands, options=options)[0]

    def mlp(self, x: Ref, hidden: int = 6, activation: str = "RELU") -> Ref:
        x = self.function(activation, self.linear(x, C, hidden))
        return self.linear(x, hidden, C)


def found(model: bytes) -> list[Block]:
    graph = graph_after(graph_of(model), find_blocks)
    return [node for node in graph.nodes if isinstance(node, Block)]


def test_two_of_them_are_blocks() -> None:
    b = Tokens()
    x = b.mlp(b.function("TANH", b.mlp(b.input((1, 5, C)))))
    model = b.build([x])
    first, second = found(model)
    for use in (first, second):
        assert [type(node) for node in use.body] == [Linear, Elementwise, Linear]
    assert first.key == second.key
    assert "class Mlp" in assert_same(model, ULPS).source


def test_other_widths_are_the_same_kind() -> None:
    b = Tokens()
    x = b.mlp(b.function("TANH", b.mlp(b.input((1, 5, C)), hidden=9)))
    model = b.build([x])
    assert len(found(model)) == 2
    assert "hidden: int" in assert_same(model, ULPS).source


def test_one_alone_stays() -> None:
    b = Tokens()
    model = b.build([b.mlp(b.input((1, 5, C)))])
    assert not found(model)
    assert_same(model, ULPS)


def test_two_activations_are_two_kinds() -> None:
    b = Tokens()
    x = b.mlp(b.mlp(b.input((1, 5, C))), activation="TANH")
    model = b.build([x])
    assert not found(model)
    assert_same(model, ULPS)


def test_a_layer_belongs_to_one_of_them() -> None:
    """Four layers in a row, with activations between them all, are two pairs."""
    b = Tokens()
    x = b.input((1, 5, C))
    for _ in range(4):
        x = b.function("RELU", b.linear(x, C, C))
    model = b.build([x])
    first, second = found(model)
    assert set(first.body).isdisjoint(second.body)
    assert_same(model, ULPS)


def inner_is_an_output(b: Tokens, hidden: Ref, last: Ref) -> list[Ref]:
    return [last, hidden]


def inner_is_read_again(b: Tokens, hidden: Ref, last: Ref) -> list[Ref]:
    return [last, b.function("EXP", hidden)]


@pytest.mark.parametrize("place", ["layer", "activation"])
@pytest.mark.parametrize("reader", [inner_is_an_output, inner_is_read_again])
def test_what_is_read_from_outside_is_none(
    reader: Callable[[Tokens, Ref, Ref], list[Ref]], place: str
) -> None:
    """One of three shows its inside; the other two are blocks."""
    b = Tokens()
    x = b.mlp(b.function("TANH", b.mlp(b.input((1, 5, C)))))
    layer = b.linear(b.function("TANH", x), C, C)
    activation = b.function("RELU", layer)
    last = b.linear(activation, C, C)
    shown = layer if place == "layer" else activation
    model = b.build(reader(b, shown, last))
    assert len(found(model)) == 2
    assert_same(model, ULPS)


def test_two_layers_without_an_activation_are_none() -> None:
    b = Tokens()
    x = b.input((1, 5, C))
    for _ in range(4):
        x = b.linear(x, C, C)
    assert not found(b.build([x]))


def test_a_layer_that_is_squared_is_not_followed_by_an_activation() -> None:
    b = Tokens()
    x = b.input((1, 5, C))
    for _ in range(2):
        hidden = b.linear(x, C, C)
        x = b.linear(b.mul(hidden, hidden), C, C)
    model = b.build([x])
    assert not found(model)
    assert_same(model, ULPS)


@pytest.mark.parametrize("name", FACTS)
def test_official_models(official_graph: Callable[[str], Graph], name: str) -> None:
    graph = graph_after(official_graph(name), find_blocks)
    blocks = [node for node in all_nodes(graph.nodes) if isinstance(node, Block)]
    assert MLP.chain is not None
    found = sum(MLP.chain.matches(block.body) for block in blocks)
    assert found == (8 if name == "face_blendshapes" else 0)
