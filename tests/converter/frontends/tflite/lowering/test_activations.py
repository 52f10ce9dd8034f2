"""Fused activations become nodes of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import ACTIVATIONS, graph_of, weights
from tflite2torch.converter.frontends.tflite.lowering.activations import (
    split_activations,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise


def convolution(activation: int) -> Graph:
    options = schema.Conv2DOptionsT(
        strideH=1, strideW=1, fusedActivationFunction=activation
    )
    operands = [Tensor((1, 4, 5, 3)), weights(2, 1, 1, 3), weights(2)]
    return graph_of(one_operator_model("CONV_2D", operands, options=options))


def test_the_node_s_result_is_the_activation_s_now() -> None:
    graph = convolution(ACTIVATIONS["RELU6"])
    result = graph.outputs[0]
    split_activations(graph)
    conv, relu = graph.nodes
    assert isinstance(conv, Conv2d)
    assert conv.activation is None
    assert isinstance(relu, Elementwise)
    assert relu.function == "relu6"
    assert relu.inputs == conv.outputs
    assert relu.outputs == [result] == graph.outputs
    assert conv.outputs[0].tensor is None  # TFLite has no tensor for it
    assert result.tensor is not None


def test_a_node_without_one_stays_alone() -> None:
    graph = convolution(ACTIVATIONS["NONE"])
    split_activations(graph)
    assert len(graph.nodes) == 1


@pytest.mark.parametrize(
    ("name", "fused"),
    [
        ("face_detector", 0),
        ("face_blendshapes", 8),
        ("wheel/hand_landmark_full", 32),
        ("wheel/pose_landmark_full", 76),
    ],
)
def test_official_models(
    official_graph: Callable[[str], Graph], name: str, fused: int
) -> None:
    graph = official_graph(name)
    before = len(graph.nodes)
    split_activations(graph)
    assert len(graph.nodes) - before == fused
