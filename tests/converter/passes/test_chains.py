"""Chains of layers that repeat become blocks, also where no shortcut shows them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from converter.graph import Graph
from converter.passes.blocks import Block
from converter.passes.chains import find_chains
from tests.support.models import Ref
from tests.support.networks import Network
from tests.support.operators import (
    all_nodes,
    assert_same,
    graph_after,
    graph_of,
    weights,
)

C = 3


def blocks_of(model: bytes) -> list[Block]:
    graph = graph_after(graph_of(model), find_chains)
    return [node for node in all_nodes(graph.nodes) if isinstance(node, Block)]


def depthwise(b: Network, x: Ref, channels: int, seed: int = 0) -> Ref:
    options = schema.DepthwiseConv2DOptionsT(
        strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, depthMultiplier=1
    )
    operands = [x, weights(1, 3, 3, channels, seed=seed), weights(channels)]
    return b.operator("DEPTHWISE_CONV_2D", operands, options=options)[0]


def separable(b: Network, x: Ref, channels: int, filters: int) -> Ref:
    """Depthwise, pointwise and a relu."""
    return b.function("RELU", b.conv(depthwise(b, x, channels), channels, filters, 1))


def test_a_unit_that_repeats_three_times_is_a_block() -> None:
    b = Network()
    x = b.input((1, 6, 6, C))
    for _ in range(3):
        x = separable(b, x, C, C)
    model = b.build([x])
    blocks = blocks_of(model)
    assert len(blocks) == 3
    assert [len(block.body) for block in blocks] == [3, 3, 3]
    assert_same(model, 28**3)


def test_other_channels_are_the_same_unit() -> None:
    b = Network()
    x, channels = b.input((1, 6, 6, C)), C
    for filters in (4, 5, 6):
        x, channels = separable(b, x, channels, filters), filters
    model = b.build([x])
    assert len(blocks_of(model)) == 3
    source = assert_same(model, 40**3).source
    assert "in_channels: int, out_channels: int" in source


def test_twice_is_not_enough() -> None:
    b = Network()
    x = separable(b, separable(b, b.input((1, 6, 6, C)), C, C), C, C)
    assert not blocks_of(b.build([x]))


def test_one_layer_many_times_is_no_unit() -> None:
    b = Network()
    x = b.input((1, 6, 6, C))
    for _ in range(4):
        x = b.function("RELU", b.conv(x, C, C))
    assert not blocks_of(b.build([x]))


def test_what_is_read_elsewhere_is_not_swallowed() -> None:
    """Every depthwise result is read twice: nothing here is a chain."""
    b = Network()
    x = b.input((1, 6, 6, C))
    shown = []
    for _ in range(3):
        inner = depthwise(b, x, C)
        shown.append(inner)
        x = b.conv(inner, C, C, 1)
    model = b.build([x, *shown])
    assert not blocks_of(model)
    assert_same(model, 28**3)


@pytest.mark.parametrize("name", ["wheel/hand_landmark_full", "wheel/pose_detection"])
def test_official_models_hold_no_stray_layers_of_a_known_unit(
    official_graph: Callable[[str], Graph], name: str
) -> None:
    graph = graph_after(official_graph(name), find_chains)
    again = [type(node) for node in graph.nodes]
    find_chains(graph)
    assert [type(node) for node in graph.nodes] == again
