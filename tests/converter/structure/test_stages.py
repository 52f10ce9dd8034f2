"""Blocks one after the other, at one resolution, become stages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Ref
from tests.support.networks import Network
from tests.support.operators import ALL_PASSES, assert_same, graph_of
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.rewriting import run_passes
from tflite2torch.converter.structure.structure import Block, Stage

C = 3


def stages(graph: Graph) -> list[int]:
    run_passes(graph, ALL_PASSES)
    return [len(node.blocks) for node in graph.nodes if isinstance(node, Stage)]


def halved(b: Network, x: Ref) -> Ref:
    options = schema.Pool2DOptionsT(filterHeight=2, filterWidth=2, strideH=2, strideW=2)
    return b.operator("MAX_POOL_2D", [x], options=options)[0]


def test_another_resolution_is_another_stage() -> None:
    b = Network()
    x = b.input((1, 8, 8, C))
    for _ in range(3):
        x = b.residual(x, C)
    x = halved(b, x)
    for _ in range(2):
        x = b.residual(x, C)
    model = b.build([x])
    assert stages(graph_of(model)) == [3, 2]
    assert_same(model, 28**3)


def test_a_feature_map_that_is_read_elsewhere_ends_a_stage() -> None:
    b = Network()
    x = b.input((1, 8, 8, C))
    for _ in range(2):
        x = b.residual(x, C)
    shown = x
    for _ in range(2):
        x = b.residual(x, C)
    model = b.build([x, shown])
    assert stages(graph_of(model)) == [2, 2]
    assert_same(model, 28**3)


def test_one_block_is_no_stage() -> None:
    b = Network()
    x = b.residual(b.input((1, 8, 8, C)), C)
    graph = graph_of(b.build([b.residual(halved(b, x), C)]))
    assert stages(graph) == []
    assert sum(isinstance(node, Block) for node in graph.nodes) == 2


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("face_detector", [2, 3, 6, 5]),
        ("face_landmarks_detector", [4, 5, 5, 5, 5, 5, 5]),
        ("face_blendshapes", [4]),
    ],
)
def test_official_models(
    official_graph: Callable[[str], Graph], name: str, lengths: list[int]
) -> None:
    assert stages(official_graph(name)) == lengths
