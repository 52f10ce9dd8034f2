"""Structure of any shape that repeats becomes blocks, also where no shortcut shows it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn
from torch.nn import functional as F

from tests.support.layers import RELU6, Image, Layers
from tests.support.models import ModelBuilder, Tensor
from tests.support.official import FACTS
from tests.support.operators import (
    ALL_PASSES,
    all_nodes,
    assert_same,
    convert_bytes,
    graph_after,
    graph_of,
    weights,
)
from tests.support.tracing import assert_layers_same
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.rewriting import Rewrites, run_passes
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.motifs import CHAINS
from tflite2torch.converter.structure.repeats import find_repeats
from tflite2torch.converter.structure.structure import Block

ULPS = 500
"""What networks of a dozen small layers may round."""


class Network(Layers):
    """Writes what repeats in these tests."""

    def __init__(self) -> None:
        super().__init__(seed=5)
        self.x = self.image(16, 16, 3)

    def relu(self, x: Image) -> Image:
        return self.like(x, self.function("RELU", x.ref))

    def separable(self, x: Image, filters: int, stride: int = 1) -> Image:
        return self.relu(self.convolve(self.depthwise(x, 3, stride), filters))

    def triple(self, x: Image, filters: int = 4) -> Image:
        """Three layers, none of which is one of an inverted bottleneck."""
        x = self.convolve(self.depthwise(x), filters)
        return self.relu(self.convolve(self.relu(x), filters, 3))

    def residual(self, x: Image) -> Image:
        return self.relu(self.sum(self.convolve(x, x.channels, 3), x))

    def merge(self, x: Image, skip: Image) -> Image:
        """A pyramid's merge: features upsampled, and finer ones of fewer channels."""
        x = self.resized(self.convolve(x, 4), skip.height, skip.width)
        return self.sum(self.relu(x), self.relu(self.convolve(skip, 4)))


def blocks_of(model: bytes) -> list[Block]:
    graph = graph_after(graph_of(model), find_repeats)
    return [node for node in all_nodes(graph.nodes) if isinstance(node, Block)]


def assert_right(model: bytes) -> str:
    """Assert that all values are TFLite's; return the source."""
    conversion = assert_same(model, ULPS)
    assert_layers_same(conversion, model, ULPS)
    return conversion.source


def test_a_unit_that_repeats_three_times_is_a_block() -> None:
    b = Network()
    x = b.x
    for _ in range(3):
        x = b.separable(x, 3)
    model = b.build([x.ref])
    blocks = blocks_of(model)
    assert [[type(node) for node in use.body] for use in blocks] == [
        [Conv2d, Conv2d, Elementwise]
    ] * 3
    assert_right(model)


def test_other_channels_are_the_same_unit() -> None:
    b = Network()
    x = b.x
    for filters in (4, 5, 6):
        x = b.separable(x, filters)
    model = b.build([x.ref])
    assert len(blocks_of(model)) == 3
    assert "in_channels: int, out_channels: int" in assert_right(model)


def test_the_docstring_s_example() -> None:
    """Expand, depthwise, project, between other layers; no shape stays."""
    b = Network()
    x = b.x
    for hidden, filters in ((9, 4), (16, 6)):
        x = b.relu(b.convolve(x, 8, 3))
        x = b.convolve(x, hidden, activation=RELU6)
        x = b.convolve(b.depthwise(x, activation=RELU6), filters)
    model = b.build([x.ref])
    blocks = blocks_of(model)
    assert len(blocks) == 2
    assert blocks[0].key == blocks[1].key
    assert_right(model)


def test_units_that_are_found_later_read_their_values_in_the_same_order() -> None:
    """What adds two values takes the deeper one first; here that is another one each time.

    The pairs lie so far apart that each is found by itself.
    """
    b = Layers(seed=5)
    p, q = b.image(5, 5, 3), b.image(5, 5, 3)
    outputs = []

    def unit(long: Image, short: Image) -> None:
        for _ in range(90):  # the weightiest unit, and so the first one found
            long = b.convolve(long, 3, 3)
        outputs.append(b.sum(long, b.convolve(short, 3, 3)).ref)

    def others() -> None:
        outputs.extend(b.sum(b.convolve(p, 3), b.convolve(q, 3)).ref for _ in range(14))

    def deep(x: Image, function: str) -> Image:
        return b.like(x, b.function(function, b.convolve(x, 3, 5).ref))

    unit(p, deep(q, "TANH"))
    unit(p, deep(q, "SIN"))
    others()
    unit(deep(p, "COS"), q)
    others()
    unit(deep(p, "ABS"), q)
    assert_same(b.build(outputs), 100_000)  # 90 layers round again and again


def test_two_layers_twice_are_not_enough() -> None:
    b = Network()
    model = b.build([b.separable(b.separable(b.x, 3), 3).ref])
    assert not blocks_of(model)


def test_three_layers_twice_are() -> None:
    b = Network()
    x = b.triple(b.pool(b.triple(b.x)))
    model = b.build([x.ref])
    assert len(blocks_of(model)) == 2
    assert_right(model)


def test_two_layers_and_a_sum_twice_are() -> None:
    b = Network()
    heads = []
    for _ in range(2):
        a, c = b.convolve(b.x, 4, 3), b.relu(b.convolve(b.pool(b.x, 3, 1), 4))
        heads.append(b.sum(b.relu(a), c).ref)
        b.x = b.convolve(b.x, 5, 1)
    model = b.build(heads)
    assert len(blocks_of(model)) == 2
    assert_right(model)


def test_one_layer_many_times_is_no_unit() -> None:
    b = Network()
    x = b.x
    for _ in range(4):
        x = b.relu(b.convolve(x, 3, 3))
    assert not blocks_of(b.build([x.ref]))


def test_what_is_read_elsewhere_is_not_swallowed() -> None:
    """Every depthwise result is an output: nothing here is a unit."""
    b = Network()
    x, shown = b.x, []
    for _ in range(3):
        inner = b.depthwise(x)
        shown.append(inner.ref)
        x = b.relu(b.convolve(inner, 3))
    model = b.build([x.ref, *shown])
    assert not blocks_of(model)
    assert_right(model)


def test_a_unit_that_shows_its_inside_is_left_out() -> None:
    b = Network()
    x, shown = b.x, None
    for number in range(4):
        inner = b.depthwise(x)
        shown = inner.ref if number == 1 else shown
        x = b.relu(b.convolve(inner, 3))
    assert shown is not None
    model = b.build([x.ref, shown])
    assert len(blocks_of(model)) == 3
    assert_right(model)


def test_an_activation_stays_with_its_layer() -> None:
    """No unit begins with the activation of the layer before, or ends before its own."""
    b = Network()
    x = b.x
    for _ in range(3):
        x = b.separable(x, 4)
        x = b.pool(x, 3, 1)
    blocks = blocks_of(b.build([x.ref]))
    for use in blocks:
        assert isinstance(use.body[0], Conv2d)


def test_the_padding_of_a_convolution_belongs_to_its_unit() -> None:
    b = Network()
    x = b.x
    for stride in (1, 2, 1, 2):
        x = b.separable(x, 4, stride)
    model = b.build([x.ref])
    graph = graph_after(graph_of(model), find_repeats)
    assert [type(node) for node in graph.nodes] == [Block] * 4
    padded = [any(isinstance(n, Pad) for n in use.body) for use in graph.nodes]  # type: ignore[attr-defined]
    assert padded == [False, True, False, True]
    assert_right(model)


def test_a_unit_may_read_several_values() -> None:
    b = Network()
    fine = b.convolve(b.x, 5, 3)
    middle = b.pool(b.convolve(fine, 6, 3))
    x = b.pool(b.relu(b.convolve(middle, 7, 3)))
    model = b.build([b.merge(b.merge(x, middle), fine).ref])
    blocks = blocks_of(model)
    assert len(blocks) == 2
    assert [len(use.inputs) for use in blocks] == [2, 2]
    assert blocks[1].inputs[0] is blocks[0].outputs[0]
    source = assert_right(model)
    assert "class PyramidMerge" in source
    assert "def forward(self, x: Tensor, skip: Tensor)" in source


def test_units_that_swap_what_they_read_are_two_kinds() -> None:
    """The coarse features come first in one, the fine ones in the other."""
    b = Network()
    fine = b.convolve(b.x, 4, 3)
    coarse = b.pool(b.relu(b.convolve(fine, 4, 3)))
    outputs = []
    for first, second in ((coarse, fine), (fine, coarse)):
        one = b.resized(b.convolve(first, 4), 16, 16)
        other = b.resized(b.relu(b.convolve(second, 4)), 16, 16)
        outputs.append(b.sub(one.ref, other.ref))
    assert_right(b.build(outputs))


def test_heads_of_one_value_are_one_class() -> None:
    b = Network()
    trunk = b.relu(b.convolve(b.x, 4, 3))
    heads = [b.convolve(b.residual(b.residual(trunk)), n).ref for n in (2, 5, 7)]
    model = b.build(heads)
    graph = graph_of(model)
    run_passes(graph, ALL_PASSES)
    found = [node for node in graph.nodes if isinstance(node, Block)]
    assert len(found) == 3
    assert len({head.key for head in found}) == 1
    assert {head.inputs[0] for head in found} == {found[0].inputs[0]}
    assert "out_channels: int" in assert_right(model)


def test_blocks_that_stand_nowhere_else_need_no_class_of_their_own() -> None:
    """Two kinds that always alternate, like the halves of a mixer block, are one class."""
    b = Network()
    x = b.convolve(b.x, 4)
    for _ in range(4):
        x = b.sum(b.convolve(b.depthwise(x), 4), x)
        x = b.residual(x)
    model = b.build([x.ref])
    assert {len(use.body) for use in blocks_of(model)} == {3 + 3}
    assert assert_right(model).count("(nn.Module)") == 2


def test_blocks_that_do_keep_theirs() -> None:
    b = Network()
    x = b.convolve(b.x, 4)
    for _ in range(4):
        x = b.sum(b.convolve(b.depthwise(x), 4), x)
        x = b.residual(x)
    x = b.residual(b.convolve(x, 4))
    model = b.build([x.ref])
    assert {len(use.body) for use in blocks_of(model)} == {2, 3}
    assert_right(model)


def test_a_run_of_blocks_stays_whole() -> None:
    """Six residuals in a row are a stage, not three pairs or two triples of them."""
    b = Network()
    x = b.convolve(b.x, 4)
    for _ in range(6):
        x = b.residual(x)
    graph = graph_after(graph_of(b.build([x.ref])), find_repeats)
    assert sum(isinstance(node, Block) for node in graph.nodes) == 6


def test_numbers_that_are_written_out_tell_units_apart() -> None:
    b = Network()
    x = b.x
    for factor in (0.5, 0.5, 0.25, 0.5):
        x = b.triple(x)
        x = b.like(x, b.mul(x.ref, np.array(factor, np.float32)))
    model = b.build([x.ref])
    source = assert_right(model)
    assert source.count("0.25") == 1


def test_no_parameters_are_mixed_up_between_units_that_interleave() -> None:
    """Two heads, whose operators alternate in the file."""
    b = Network()
    first, second = b.depthwise(b.x), b.depthwise(b.x)
    first, second = b.convolve(first, 4), b.convolve(second, 6)
    first, second = b.relu(first), b.relu(second)
    first, second = b.convolve(first, 2, 3), b.convolve(second, 5, 3)
    model = b.build([second.ref, first.ref])
    assert len(blocks_of(model)) == 2
    assert_right(model)


def test_constants_that_units_share() -> None:
    b = Network()
    (shared,) = b.operator("DEQUANTIZE", [b.drawn(4).astype(np.float16)])
    x = b.convolve(b.x, 4)
    for own in (False, True, False):
        x = b.relu(b.convolve(b.depthwise(x), 4, bias=None if own else shared))
        x = b.convolve(b.like(x, b.mul(x.ref, b.drawn(4))), 4, 3, bias=shared)
    assert_right(b.build([x.ref]))


def with_places() -> bytes:
    """Three times MediaPipe's pool, which also says where its maxima are, and two layers.

    Nobody works out shapes where there are custom operators.
    """
    b = ModelBuilder()
    x, size, shown = b.input((1, 16, 16, 3)), 16, []
    window = np.array([2, 2, 2, 2, 2, 0, 0, 0, 0, 0], np.int32).tobytes()
    for seed in range(3):
        size //= 2
        image = Tensor((1, size, size, 3))
        x, places = b.operator("MaxPoolingWithArgmax2D", [x], [image, image], custom_options=window)
        shown += b.operator("NEG", [places], [image])
        for kernel in (3, 1):
            operands = [x, weights(3, kernel, kernel, 3, seed=seed), weights(3)]
            options = schema.Conv2DOptionsT(strideH=1, strideW=1)
            (x,) = b.operator("CONV_2D", operands, [image], options)
    return b.build([x, *shown])


def test_a_second_result_that_is_read_elsewhere_stays_outside() -> None:
    """Where the maxima are, which a decoder needs later."""
    conversion = convert_bytes(with_places())
    module = load_module(conversion)
    pixels = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    x, expected = pixels, []
    kernels = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    for pair in zip(kernels[::2], kernels[1::2], strict=True):
        x, places = F.max_pool2d(x, 2, return_indices=True)
        down, across = places // (2 * x.shape[3]), places % (2 * x.shape[3])
        expected.append(-((2 * (down % 2) + across % 2).float() + 0.1))
        for layer in pair:
            x = layer(x)
    with torch.no_grad():
        for result, wanted in zip(module(pixels), [x, *expected], strict=True):
            torch.testing.assert_close(result, wanted)


@pytest.mark.parametrize("name", FACTS)
def test_official_models_hold_no_stray_uses_of_a_unit(
    official_graph: Callable[[str], Graph], name: str
) -> None:
    """Looking again finds nothing more."""
    graph = graph_after(official_graph(name), find_repeats)
    before = list(graph.nodes)
    assert find_repeats(graph, CHAINS) == Rewrites()
    assert graph.nodes == before
