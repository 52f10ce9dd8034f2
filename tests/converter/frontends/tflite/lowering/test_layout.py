"""The pass that changes images to NCHW, and the permutes that it inserts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.networks import Network
from tests.support.official import FACTS
from tests.support.operators import (
    ALL_PASSES,
    all_nodes,
    assert_same,
    count,
    graph_of,
    weights,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.shape import Permute, Rows
from tflite2torch.converter.graph.rewriting import run_passes
from tflite2torch.converter.graph.value import N


def passed(model: bytes) -> Graph:
    graph = graph_of(model)
    run_passes(graph, ALL_PASSES)
    return graph


def test_images_are_nchw_at_the_boundary() -> None:
    b = Network()
    graph = passed(b.build([b.conv(b.input((1, 4, 5, 3)), 3, 2)]))
    assert graph.inputs[0].shape == (N, 3, 4, 5)
    assert graph.inputs[0].permutation == (0, 3, 1, 2)
    assert graph.outputs[0].shape == (N, 2, 4, 5)
    assert graph.outputs[0].permutation == (0, 3, 1, 2)
    assert count(graph, Permute) == 0


def test_flattening_needs_a_permute() -> None:
    b = Network()
    flat = b.reshape(b.conv(b.input((1, 4, 5, 3)), 3, 2), 1, 40)
    model = b.build([flat])
    graph = passed(model)
    (permute,) = (node for node in graph.nodes if isinstance(node, Permute))
    assert permute.axes == (0, 2, 3, 1)
    assert_same(model, 28)


@pytest.mark.parametrize(
    ("size", "filters"), [((1, 1), 4), ((4, 5), 1)], ids=["one pixel", "one channel"]
)
def test_flattening_one_pixel_or_one_channel_needs_no_permute(
    size: tuple[int, int], filters: int
) -> None:
    b = Network()
    elements = size[0] * size[1] * filters
    features = b.conv(b.input((1, *size, 3)), 3, filters)
    model = b.build([b.reshape(features, 1, elements)])
    assert count(passed(model), Permute) == 0
    assert_same(model, 28)


def test_nodes_that_no_output_depends_on_ask_for_no_layout() -> None:
    """The unused convolution would want NCHW, and cost the reshapes two permutes."""
    b = Network()
    x = b.reshape(b.input((1, 60)), 1, 4, 5, 3)
    b.conv(x, 3, 2)
    model = b.build([b.reshape(b.add(x, weights(3)), 1, 60)])
    assert "permute" not in assert_same(model).source


def test_elementwise_nodes_between_images_are_nchw() -> None:
    b = Network()
    x = b.conv(b.input((1, 4, 5, 3)), 3, 3)
    x = b.add(b.add(x, weights(5, 3)), weights(4, 1, 1))
    model = b.build([b.conv(x, 3, 2)])
    assert count(passed(model), Permute) == 0
    assert_same(model, 28 * 28)


def test_a_transpose_that_undoes_the_permute_leaves_neither() -> None:
    """The file itself transposes to channels first before a reshape."""
    b = Network()
    turned = b.transpose(b.conv(b.input((1, 4, 5, 3)), 3, 2), 0, 3, 1, 2)
    model = b.build([b.reshape(turned, 1, 2, 20)])
    assert count(passed(model), Permute) == 0
    assert_same(model, 28)


def test_any_other_transpose_is_merged_with_the_permute() -> None:
    b = Network()
    turned = b.transpose(b.conv(b.input((1, 4, 5, 3)), 3, 2), 0, 2, 1, 3)
    model = b.build([b.reshape(turned, 1, 20, 2)])
    graph = passed(model)
    (permute,) = (node for node in graph.nodes if isinstance(node, Permute))
    assert permute.axes == (0, 3, 2, 1)
    assert_same(model, 28)


def test_a_pointwise_convolution_away_from_images_is_a_linear_layer() -> None:
    """Tokens: nothing between the reshapes requires NCHW."""
    b = Network()
    x = b.reshape(b.input((1, 20, 3)), 1, 4, 5, 3)
    model = b.build([b.reshape(b.conv(x, 3, 7, kernel=1), 1, 20, 7)])
    graph = passed(model)
    assert count(graph, Linear) == 1
    assert count(graph, Conv2d) == count(graph, Permute) == 0
    (linear,) = (node for node in graph.nodes if isinstance(node, Linear))
    assert linear.parameters["weight"].shape == (7, 3)
    assert_same(model, 4)


def test_a_pointwise_convolution_between_images_stays_one() -> None:
    b = Network()
    model = b.build([b.conv(b.input((1, 4, 5, 3)), 3, 7, kernel=1)])
    assert count(passed(model), Conv2d) == 1


def test_two_heads_of_one_image_flatten_each_for_themselves() -> None:
    b = Network()
    x = b.conv(b.input((1, 4, 5, 3)), 3, 3)
    heads = [b.reshape(b.conv(x, 3, n), 1, 20, n) for n in (2, 4)]
    model = b.build(heads)
    assert [len(node.inputs) for node in passed(model).nodes if isinstance(node, Rows)] == [1, 1]
    assert_same(model, 28 * 28)


@pytest.mark.parametrize("name", FACTS)
def test_official_models_have_no_permute_too_many(
    official_graph: Callable[[str], Graph], name: str
) -> None:
    """Rows permute each of the images that they lay out."""
    graph = official_graph(name)
    own = count(graph, Permute)
    run_passes(graph, ALL_PASSES)
    rows = [node for node in all_nodes(graph.nodes) if isinstance(node, Rows)]
    hidden = sum(len(node.inputs) for node in rows)
    assert count(graph, Permute) + hidden - own == FACTS[name].permutes
