"""The pass that makes padding explicit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.official import FACTS
from tests.support.operators import ALL_PASSES, all_nodes, graph_of, weights
from tflite2torch.converter.frontends.tflite.lowering.padding import COMMENT
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.rewriting import run_passes


def strided_convolution(size: int, kernel: int) -> Graph:
    options = schema.Conv2DOptionsT(padding=schema.Padding.SAME, strideH=2, strideW=2)
    operands = [Tensor((1, size, size, 3)), weights(2, kernel, kernel, 3), weights(2)]
    graph = graph_of(one_operator_model("CONV_2D", operands, options=options))
    run_passes(graph, ALL_PASSES)
    return graph


def test_an_odd_pixel_goes_right_and_bottom_with_a_comment() -> None:
    pad, conv = strided_convolution(64, 3).nodes
    assert isinstance(pad, Pad)
    assert pad.padding == ((0, 0), (0, 0), (0, 1), (0, 1))
    assert pad.comment == COMMENT
    assert isinstance(conv, Conv2d)
    assert conv.window.padding == ((0, 0), (0, 0))


def test_symmetric_padding_is_the_layer_s_own() -> None:
    (conv,) = strided_convolution(65, 3).nodes
    assert isinstance(conv, Conv2d)
    assert conv.window.padding == ((1, 1), (1, 1))


def test_a_kernel_without_padding_is_not_padded() -> None:
    (conv,) = strided_convolution(64, 1).nodes
    assert isinstance(conv, Conv2d)
    assert conv.window.padding == ((0, 0), (0, 0))


@pytest.mark.parametrize("name", FACTS)
def test_official_models(official_graph: Callable[[str], Graph], name: str) -> None:
    graph = official_graph(name)
    run_passes(graph, ALL_PASSES)
    nodes = all_nodes(graph.nodes)
    odd = [node for node in nodes if isinstance(node, Pad) and node.comment == COMMENT]
    assert len(odd) == FACTS[name].odd_paddings
