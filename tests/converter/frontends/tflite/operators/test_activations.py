"""A fused activation is a node of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import ACTIVATIONS, graph_of, weights
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.build import build_graph
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise


def convolution(activation: int) -> Graph:
    options = schema.Conv2DOptionsT(strideH=1, strideW=1, fusedActivationFunction=activation)
    operands = [Tensor((1, 4, 5, 3)), weights(2, 1, 1, 3), weights(2)]
    return graph_of(one_operator_model("CONV_2D", operands, options=options))


def test_the_activation_computes_the_operators_output() -> None:
    graph = convolution(ACTIVATIONS["RELU6"])
    conv, relu = graph.nodes
    assert isinstance(conv, Conv2d)
    assert isinstance(relu, Elementwise)
    assert relu.function == "relu6"
    assert relu.inputs == conv.outputs
    assert relu.outputs == graph.outputs
    assert conv.outputs[0].origin is None  # TFLite has no tensor for it
    assert graph.outputs[0].origin is not None
    assert conv.operator == relu.operator == 0


def test_an_operator_without_one_is_one_node() -> None:
    assert len(convolution(ACTIVATIONS["NONE"]).nodes) == 1


@pytest.mark.parametrize(
    ("name", "fused"),
    [
        ("face_detector", 0),
        ("face_blendshapes", 8),
        ("wheel/hand_landmark_full", 32),
        ("wheel/pose_landmark_full", 76),
    ],
)
def test_official_models(official: Callable[[str], ModelFile], name: str, fused: int) -> None:
    model = read_model(official(name))
    graph = build_graph(model, "model")
    unfused = {"DEQUANTIZE", "DENSIFY"}  # no node
    operators = [o for o in model.operators if o.name not in unfused]
    assert len(graph.nodes) - len(operators) == fused
