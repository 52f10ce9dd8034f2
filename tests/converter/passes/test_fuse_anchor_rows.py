"""Images laid out as rows, one for each anchor, are one step; what is like that is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Ref
from tests.support.operators import (
    ALL_PASSES,
    assert_same,
    count,
    graph_after,
    graph_of,
    rewritten,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape, Rows
from tflite2torch.converter.graph.rewriting import run_passes
from tflite2torch.converter.passes.fuse_anchor_rows import fuse_anchor_rows

SMALL, LARGE = (2, 3), (4, 5)


class Heads(ModelBuilder):
    """Writes images of a detector, and what lays them out; nothing that rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.images = [
            self.input((1, *size, channels)) for size, channels in ((LARGE, 4), (SMALL, 8))
        ]

    def negated(self, x: Ref) -> Ref:
        return self.operator("NEG", [x])[0]

    def pooled(self, x: Ref) -> Ref:
        """Ask for channels first, whatever follows."""
        options = schema.Pool2DOptionsT(filterHeight=1, filterWidth=1, strideH=1, strideW=1)
        return self.operator("MAX_POOL_2D", [x], options=options)[0]

    def reshaped(self, x: Ref, *shape: int) -> Ref:
        return self.operator("RESHAPE", [x, np.array(shape, np.int32)])[0]

    def joined(self, parts: list[Ref], axis: int = 1) -> Ref:
        options = schema.ConcatenationOptionsT(axis=axis)
        return self.operator("CONCATENATION", parts, options=options)[0]

    def rows(self, width: int) -> list[Ref]:
        """Return both images as rows of a width."""
        sizes = [4 * 5 * 4, 2 * 3 * 8]
        pairs = zip(self.images, sizes, strict=True)
        return [self.reshaped(self.pooled(x), 1, size // width, width) for x, size in pairs]


def raised(model: bytes) -> Graph:
    return graph_after(graph_of(model), fuse_anchor_rows)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_images_of_any_size_as_rows_of_one_width(width: int) -> None:
    """The docstring's example."""
    b = Heads()
    model = b.build([b.joined(b.rows(width))])
    graph = graph_of(model)
    run_passes(graph, ALL_PASSES)
    (rows,) = (node for node in graph.nodes if isinstance(node, Rows))
    assert rows.width == width
    assert [value.shape[1:] for value in rows.inputs] == [(4, 4, 5), (8, 2, 3)]
    assert not count(graph, Permute) + count(graph, Reshape) + count(graph, Concat)
    source = assert_same(model).source
    assert f"{width})" in source
    assert source.count("permute") == 1


def test_the_images_stand_in_their_order() -> None:
    b = Heads()
    assert_same(b.build([b.joined(b.rows(4)[::-1])]))


def test_one_image_of_one_channel_has_its_pixels_in_order_anyway() -> None:
    b = Heads()
    x = b.input((1, 3, 2, 1))
    one = b.reshaped(b.pooled(x), 1, 6, 1)
    model = b.build([b.joined([one, *b.rows(1)])])
    assert count(raised(model), Rows) == 1
    assert_same(model)


def test_rows_that_are_read_elsewhere_too() -> None:
    b = Heads()
    first, second = b.rows(4)
    model = b.build([b.joined([first, second]), b.negated(first), second])
    graph = graph_of(model)
    run_passes(graph, ALL_PASSES)
    assert count(graph, Rows) == 1
    assert count(graph, Reshape) == 2
    assert_same(model)


def test_rows_whose_concatenation_is_an_output_too() -> None:
    """Only the reshape of four axes to three could become rows; both are asked for."""
    b = Heads()
    flat = [
        b.reshaped(b.pooled(x), 1, 1, 1, size) for x, size in zip(b.images, (80, 48), strict=True)
    ]
    joined = b.joined(flat, axis=3)
    model = b.build([joined, b.reshaped(joined, 1, 128, 1)])
    assert not count(raised(model), Rows)
    assert_same(model)


def test_the_same_image_twice() -> None:
    b = Heads()
    first, _ = b.rows(4)
    model = b.build([b.joined([first, first])])
    assert count(raised(model), Rows) == 1
    assert_same(model)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_single_image_needs_no_concatenation(width: int) -> None:
    b = Heads()
    x = b.images[0]
    model = b.build([b.reshaped(b.pooled(x), 1, 80 // width, width)])
    graph = graph_of(model)
    run_passes(graph, ALL_PASSES)
    assert [type(node) for node in graph.nodes if not isinstance(node, Pool2d)] == [Rows]
    source = assert_same(model).source
    assert ("rows([" in source) == (width < 4)
    assert (".permute(0, 2, 3, 1).flatten(1, 2)" in source) == (width == 4)


@pytest.mark.parametrize("shape", [(1, 10, 8), (1, 80), (1, 4, 5, 4), (1, 2, 40)])
def test_a_single_image_as_something_else(shape: tuple[int, ...]) -> None:
    """Two pixels a row, no rows, and a whole line of the image in each row."""
    b = Heads()
    model = b.build([b.negated(b.reshaped(b.pooled(b.images[0]), *shape))])
    assert not count(raised(model), Rows)
    assert_same(model)


def test_an_image_of_one_pixel_has_no_rows() -> None:
    b = Heads()
    x = b.input((1, 1, 1, 6))
    model = b.build([b.negated(b.reshaped(b.pooled(x), 1, 2, 3))])
    assert not count(raised(model), Rows)
    assert_same(model)


def along_the_rows(b: Heads) -> Ref:
    x, y = (b.reshaped(b.pooled(b.images[0]), 1, 20, 4) for _ in range(2))
    return b.joined([x, y], axis=2)


def of_four_axes(b: Heads) -> Ref:
    x, y = (b.reshaped(b.pooled(b.images[0]), 1, 5, 4, 4) for _ in range(2))
    return b.joined([x, y])


def of_two_axes(b: Heads) -> Ref:
    return b.joined([b.reshaped(b.pooled(x), 1, 16 * 3) for x in b.images[1:] * 2])


def with_a_constant(b: Heads) -> Ref:
    first, _ = b.rows(4)
    (constant,) = b.operator("DEQUANTIZE", [np.ones((1, 2, 4), np.float16)])
    return b.joined([first, constant])


def with_something_else(b: Heads) -> Ref:
    first, second = b.rows(4)
    return b.joined([first, b.negated(second)])


def in_another_order(b: Heads) -> Ref:
    """Channels first, by the file's own TRANSPOSE: no pixel by pixel."""
    turned = [
        b.operator("TRANSPOSE", [b.pooled(x), np.array([0, 3, 1, 2], np.int32)])[0]
        for x in b.images
    ]
    return b.joined([b.reshaped(turned[0], 1, 20, 4), b.reshaped(turned[1], 1, 12, 4)])


NOT_ROWS, NOT_ALL = "its result is no rows", "not all are images"


@pytest.mark.parametrize(
    ("write", "alone", "reasons"),
    [
        (along_the_rows, 0, []),
        (of_four_axes, 0, []),
        (of_two_axes, 0, [NOT_ROWS]),
        (with_a_constant, 0, [NOT_ALL]),
        (with_something_else, 1, [NOT_ALL]),
        (in_another_order, 0, []),
    ],
)
def test_near_misses_are_left_alone_and_right(
    write: Callable[[Heads], Ref], alone: int, reasons: list[str]
) -> None:
    b = Heads()
    model = b.build([write(b)])
    done = rewritten(graph_of(model), fuse_anchor_rows)
    assert done.count == alone, "rows of one image, which no concatenation reads"
    assert [miss.partition(": ")[2] for miss in done.near_misses] == reasons
    assert_same(model)
