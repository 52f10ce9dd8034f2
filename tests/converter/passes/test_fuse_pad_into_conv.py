"""A PAD becomes a convolution's own padding where that pads the same, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Ref
from tests.support.networks import Network
from tests.support.operators import (
    assert_same,
    convert_bytes,
    count,
    graph_after,
    graph_of,
    rewritten,
    weights,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.passes.fuse_pad_into_conv import fuse_pad_into_conv

Amounts = list[list[int]]
AROUND: Amounts = [[0, 0], [1, 1], [1, 1], [0, 0]]
TERMS = 40
"""No sum in these convolutions has more products than that."""


class Padded(Network):
    """A padding, a convolution of it, and what else is wanted."""

    def __init__(self, name: str = "PAD", options: Any = None) -> None:
        super().__init__()
        self.pad, self.options = name, options

    def padded(self, amounts: Amounts, *value: np.float32) -> Ref:
        operands = [self.input((1, 6, 5, 3)), np.array(amounts, np.int32), *value]
        return self.operator(self.pad, operands, options=self.options)[0]

    def convolved(self, x: Ref, channels: int = 3, same: bool = False) -> Ref:
        padding = schema.Padding.SAME if same else schema.Padding.VALID
        options = schema.Conv2DOptionsT(strideH=1, strideW=1, padding=padding)
        operands = [x, weights(4, 3, 3, channels), weights(4)]
        return self.operator("CONV_2D", operands, options=options)[0]


def reason(graph: Graph) -> str:
    """Return why the only padding stays."""
    done = rewritten(graph, fuse_pad_into_conv)
    assert done.count == 0
    assert count(graph, Pad) == 1
    (near_miss,) = done.near_misses
    return near_miss


def test_zeros_on_all_sides_are_fused() -> None:
    """The docstring's example."""
    b = Padded()
    model = b.build([b.convolved(b.padded(AROUND))])
    graph = graph_after(graph_of(model), fuse_pad_into_conv)
    (conv,) = graph.nodes
    assert isinstance(conv, Conv2d)
    assert conv.window.padding == ((1, 1), (1, 1))
    assert conv.inputs == graph.inputs
    assert_same(model, ulps=TERMS)


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ([[0, 0], [1, 1], [1, 1], [0, 1]], "more than the image"),
        ([[0, 0], [0, 1], [1, 1], [0, 0]], "not symmetric"),
    ],
)
def test_a_padding_that_no_convolution_does_stays(amounts: Amounts, said: str) -> None:
    b = Padded()
    channels = 3 + sum(amounts[3])
    model = b.build([b.convolved(b.padded(amounts), channels)])
    assert said in reason(graph_of(model))
    assert_same(model, ulps=TERMS)


def test_another_number_than_zero_stays() -> None:
    b = Padded("PADV2")
    model = b.build([b.convolved(b.padded(AROUND, np.float32(0.5)))])
    assert "else than zeros" in reason(graph_of(model))
    assert_same(model, ulps=TERMS)


@pytest.mark.parametrize("mode", [0, 1])
def test_a_mirror_stays(mode: int) -> None:
    b = Padded("MIRROR_PAD", schema.MirrorPadOptionsT(mode=mode))
    model = b.build([b.convolved(b.padded(AROUND))])
    assert "else than zeros" in reason(graph_of(model))
    assert_same(model, ulps=TERMS)


def test_a_convolution_that_pads_too_keeps_both() -> None:
    b = Padded()
    model = b.build([b.convolved(b.padded(AROUND), same=True)])
    assert "pads too" in reason(graph_of(model))
    assert_same(model, ulps=TERMS)


def test_what_another_reads_stays() -> None:
    b = Padded()
    padded = b.padded(AROUND)
    model = b.build([b.convolved(padded), b.function("TANH", padded)])
    assert "something else reads it too" in reason(graph_of(model))
    assert len(convert_bytes(model).outputs) == 2


def test_what_is_an_output_stays() -> None:
    b = Padded()
    padded = b.padded(AROUND)
    model = b.build([b.convolved(padded), padded])
    assert "something else reads it too" in reason(graph_of(model))
    assert_same(model, ulps=TERMS)
