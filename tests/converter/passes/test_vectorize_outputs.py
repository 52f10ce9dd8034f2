"""An image of one pixel that a model returns is a vector; other images stay images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from tests.support.layers import Image, Layers
from tests.support.models import Ref, Tensor, one_operator_model
from tests.support.networks import Network
from tests.support.operators import (
    assert_same,
    convert_bytes,
    graph_after,
    graph_of,
    rewritten,
    weights,
)
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.value import Shape
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.passes.vectorize_outputs import vectorize_outputs

ULPS = 100
"""The sums of these convolutions have up to 36 terms."""


class Pixels(Layers):
    """A network that ends in an image of one pixel and seven channels."""

    def __init__(self) -> None:
        super().__init__(seed=1)
        self.pixel = self.convolve(self.image(3, 3, 4), 7, 3, same=False)


def vectorized(model: bytes) -> Graph:
    return graph_after(graph_of(model), vectorize_outputs)


def shapes(conversion: Conversion) -> list[list[str | int]]:
    return [entry["shape"] for entry in conversion.outputs]


def test_what_a_convolution_gives() -> None:
    """The docstring's example."""
    b = Pixels()
    model = b.build([b.pixel.ref])
    assert rewritten(graph_of(model), vectorize_outputs).count == 1
    *_, reshape = vectorized(model).nodes
    assert isinstance(reshape, Reshape)
    assert reshape.inputs[0].shape == (1, 7, 1, 1)
    conversion = assert_same(model, ULPS)
    assert shapes(conversion) == [["N", 7]]
    assert conversion.outputs[0]["permutation"] == [0, 3]
    assert "return self.conv(x).flatten(1)" in conversion.source


def test_one_that_another_layer_reads_too() -> None:
    """That layer needs the image."""
    b = Pixels()
    model = b.build([b.pixel.ref, b.convolve(b.pixel, 2).ref])
    assert rewritten(graph_of(model), vectorize_outputs).count == 2
    assert shapes(assert_same(model, ULPS)) == [["N", 7], ["N", 2]]


def test_one_that_a_reshape_reads_too() -> None:
    """It reads the vector, so that nothing is flattened twice."""
    b = Pixels()
    rows = b.function("NEG", b.reshape(b.pixel.ref, 1, 7, 1))
    model = b.build([b.pixel.ref, rows])
    conversion = assert_same(model, ULPS)
    assert shapes(conversion) == [["N", 7], ["N", 7, 1]]
    assert "output2 = -output1.unsqueeze(2)" in conversion.source


def test_one_that_a_reshape_makes() -> None:
    """It makes the vector at once: here that is none at all."""
    b = Network()
    x = b.input((1, 5))
    model = b.build([b.reshape(b.function("NEG", x), 1, 1, 1, 5)])
    assert rewritten(graph_of(model), vectorize_outputs).count == 1
    conversion = assert_same(model)
    assert shapes(conversion) == [["N", 5]]
    assert "return -x\n" in conversion.source


def test_one_that_a_reshape_makes_and_a_layer_reads() -> None:
    b = Layers(seed=1)
    pixel = Image(b.reshape(b.input((1, 6)), 1, 1, 1, 6), 1, 1, 6)
    model = b.build([pixel.ref, b.convolve(pixel, 2).ref])
    assert shapes(assert_same(model, ULPS)) == [["N", 6], ["N", 2]]


def test_two_that_one_node_gives() -> None:
    """The largest pixel of four, and its place, which TFLite's kernels do not find."""
    window = np.int32([1, 2, 2, 2, 2, 0, 0, 0, 0, 0]).tobytes()  # SAME, stride, kernel
    pixel = Tensor((1, 1, 1, 3))
    model = one_operator_model(
        "MaxPoolingWithArgmax2D", [Tensor((1, 2, 2, 3))], [pixel, pixel], custom_options=window
    )
    assert rewritten(graph_of(model), vectorize_outputs).count == 2
    conversion = convert_bytes(model)
    assert shapes(conversion) == [["N", 3], ["N", 3]]
    image = torch.arange(12.0).reshape(1, 3, 2, 2)
    largest, places = load_module(conversion)(image)
    assert largest.tolist() == [[3, 7, 11]]
    assert places.floor().tolist() == [[3, 3, 3]]


def test_one_that_is_returned_twice() -> None:
    b = Pixels()
    model = b.build([b.pixel.ref, b.pixel.ref])
    assert rewritten(graph_of(model), vectorize_outputs).count == 1
    assert shapes(assert_same(model, ULPS)) == [["N", 7]] * 2


def test_tokens_of_four_axes() -> None:
    b = Network()
    tokens = b.reshape(b.input((1, 5)), 1, 1, 1, 5)
    options = schema.FullyConnectedOptionsT(keepNumDims=True)
    results = b.operator("FULLY_CONNECTED", [tokens, weights(4, 5), None], options=options)
    assert shapes(assert_same(b.build(results), ULPS)) == [["N", 4]]


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (1, 2, 1, 3), (1, 1, 3), (1, 3)])
def test_near_misses_are_left_alone_and_right(shape: Shape) -> None:
    """Images of two pixels, and what has no four axes."""
    b = Network()
    size = int(np.prod(shape))
    model = b.build([b.reshape(b.function("NEG", b.input((1, size, 1, 1))), *shape)])
    assert rewritten(graph_of(model), vectorize_outputs).count == 0
    assert_same(model)


def test_an_input_is_left_alone() -> None:
    """No node makes it, which could make a vector."""
    b = Network()
    x: Ref = b.input((1, 1, 1, 4))
    model = b.build([x, b.function("NEG", x)])
    assert rewritten(graph_of(model), vectorize_outputs).count == 1
    assert len(shapes(assert_same(model))[0]) == 4
