"""Uses of a class that lack a step get a mark for it, and compute what they did."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.layers import RELU6, Image, Layers
from tests.support.nodes import (
    block,
    conv,
    graph,
    image,
    narrowed,
    pool,
    result,
    same_padded,
    step,
    widened,
)
from tests.support.operators import ALL_PASSES, assert_same, graph_of
from tests.support.tracing import assert_layers_same
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.rewriting import run_passes
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.motifs import CHAINS
from tflite2torch.converter.structure.equivalence import node_structure
from tflite2torch.converter.structure.structure import Block, Skipped, uses_of_classes
from tflite2torch.converter.structure.variants import align_variants

ULPS = 300
"""Up to five blocks in a row round sums of up to 25 products each."""


class Blocks(Layers):
    """Writes blocks that differ in what their class makes optional."""

    def __init__(self, height: int = 16, width: int = 16, channels: int = 4) -> None:
        super().__init__(seed=3)
        self.x = self.image(height, width, channels)

    def blaze(
        self,
        filters: int = 4,
        stride: int = 1,
        *,
        kernel: int = 3,
        window: int = 2,
        kind: str = "MAX",
        widens_first: bool = False,
        swapped: bool = False,
    ) -> Image:
        """Depthwise and pointwise, and a shortcut of the same shape."""
        x, skip = self.x, self.x
        y = self.convolve(self.depthwise(x, kernel, stride), filters)
        more, fewer = max(filters - x.channels, 0), max(x.channels - filters, 0)
        steps: list[Callable[[Image], Image]] = []
        if stride > 1:
            steps.append(lambda x: self.pool(x, window, stride, kind=kind))
        if more:
            steps.append(lambda x: self.padded(x, more))
        if fewer:
            steps.append(lambda x: self.sliced(x, filters))
        for change in steps[::-1] if widens_first else steps:
            skip = change(skip)
        total = self.sum(skip, y) if swapped else self.sum(y, skip)
        self.x = self.like(total, self.function("RELU", total.ref))
        return self.x

    def inverted(self, filters: int = 4, stride: int = 1, *, shortcut: bool = True) -> Image:
        """Expand, depthwise and project, and the input added where the shape stays."""
        x = self.x
        y = self.convolve(x, 3 * x.channels, activation=RELU6)
        y = self.convolve(self.depthwise(y, 3, stride, activation=RELU6), filters)
        self.x = self.sum(y, x) if shortcut and y.shape == x.shape else y
        return self.x

    def write(self) -> bytes:
        return self.build([self.x.ref])


def converted(model: bytes) -> Conversion:
    """Assert that all values are TFLite's, and that there is one class for all blocks."""
    conversion = assert_same(model, ULPS)
    assert_layers_same(conversion, model, ULPS)
    assert conversion.source.count("(nn.Module)") == 2
    return conversion


def uses(model: bytes) -> list[Block]:
    """Return the blocks of the only class."""
    graph = graph_of(model)
    run_passes(graph, ALL_PASSES)
    (blocks,) = uses_of_classes(graph.nodes).values()
    return blocks


def missing(use: Block) -> list[type[Node]]:
    return [type(node.other) for node in use.body if isinstance(node, Skipped)]


def conditions(conversion: Conversion) -> list[str]:
    return re.findall(r"if (self\.[^:\n]+?)(?: else|:)", conversion.source)


def test_shortcuts_that_pool_widen_and_narrow_where_they_have_to() -> None:
    """The docstring's example, and more."""
    b = Blocks()
    for filters, stride in ((4, 1), (6, 2), (6, 1), (8, 1), (5, 2), (5, 2)):
        b.blaze(filters, stride)
    model = b.write()
    found = uses(model)
    assert [[node_structure(n) for n in use.body] for use in found[1:]] == [
        [node_structure(n) for n in found[0].body]
    ] * 5
    assert missing(found[0]) == [Pool2d, Pad, Slice, Pad]
    assert missing(found[1]) == [Slice]
    assert missing(found[3]) == [Pool2d, Slice, Pad]
    assert missing(found[4]) == [Pad]
    assert conditions(converted(model)) == [
        "self.stride == 2",
        "self.new_channels > 0",
        "self.new_channels < 0",
    ]


@pytest.mark.parametrize("swapped", [False, True])
def test_the_shortcut_may_be_either_operand(swapped: bool) -> None:
    b = Blocks()
    b.blaze(4, swapped=swapped)
    b.blaze(6, 2, swapped=not swapped)
    b.blaze(6, swapped=True)
    converted(b.write())


def test_maxima_and_means_are_two_steps() -> None:
    """No number says which of the two a use takes: each has a flag."""
    b = Blocks(32, 32)
    for kind in ("MAX", "AVERAGE", "MAX"):
        b.blaze(4, 2, kind=kind)
        b.blaze(4)
    model = b.write()
    assert missing(uses(model)[0]) == [Pool2d]
    assert missing(uses(model)[1]) == [Pool2d, Pool2d, Pad]
    source = converted(model).source
    assert "F.max_pool2d" in source
    assert "F.avg_pool2d" in source
    assert "pool: bool = False" in source


@pytest.mark.parametrize("kinds", [("MAX", "AVERAGE"), ("AVERAGE", "MAX")], ids=str)
def test_a_step_is_told_by_the_uses_that_have_it(kinds: tuple[str, str]) -> None:
    """Not by the one that shows the class, in which another pool comes before it."""
    b = Blocks(4, 4)
    trunk = b.convolve(b.x, 4, 3)
    heads = []
    for kind in kinds:
        b.x = trunk
        heads.append(b.blaze(4, 2, kind=kind).ref)
    converted(b.build(heads))


def test_other_windows_at_the_same_stride() -> None:
    b = Blocks(33, 33)
    for window in (3, 2, 3):
        b.blaze(4, 2, window=window)
        b.blaze(4)
    converted(b.write())


@pytest.mark.parametrize("windows", [(2, 3), (3, 2)], ids=str)
def test_windows_that_all_uses_have_but_of_another_size(
    windows: tuple[int, int],
) -> None:
    """The stride is the window's size in one use, and stays what it is in the other."""
    b = Blocks(19, 19)
    for window in windows:
        skip = b.pool(b.x, window, 2, same=False)
        b.x = b.sum(b.convolve(b.x, 4, 3, 2, same=False), skip)
    converted(b.write())


@pytest.mark.parametrize("size", [(14, 14), (14, 12)], ids=str)
def test_a_shortcut_without_the_edges(size: tuple[int, int]) -> None:
    """What layers without padding leave of the image, at several resolutions."""
    b = Blocks(*size)
    for _ in range(3):
        inner = b.convolve(b.convolve(b.x, 5, 3, same=False), 4)
        b.x = b.sum(inner, b.sliced(b.x, 4, crop=1))
    converted(b.write())


def test_steps_in_two_orders() -> None:
    """Widened, then pooled; pooled, then widened: zeros stay zeros, but not all pools."""
    b = Blocks(32, 32)
    for widens_first in (False, True, False):
        b.blaze(b.x.channels + 2, 2, kind="AVERAGE", widens_first=widens_first)
    converted(b.write())


@pytest.mark.parametrize(
    "size", [(16, 16), (17, 17), (16, 17), (17, 16), (18, 30), (19, 23)], ids=str
)
@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_of_one_side_or_both_at_stride_2(size: tuple[int, int], kernel: int) -> None:
    """Even sizes take one more right and bottom, odd ones the same on both sides."""
    b = Blocks(*size)
    for filters, stride in ((4, 1), (6, 2), (6, 1), (6, 2), (8, 2)):
        b.blaze(filters, stride, kernel=kernel)
    converted(b.write())


def test_even_and_odd_kernels() -> None:
    """Only an even kernel is padded on one side at stride 1."""
    b = Blocks()
    for kernel in (3, 2, 4, 5):
        b.blaze(4, kernel=kernel)
    converted(b.write())


def test_strides_of_more_than_two() -> None:
    b = Blocks(36, 36)
    for stride in (1, 2, 3):
        b.blaze(4, stride, window=stride)
    converted(b.write())


def test_inverted_bottlenecks_with_a_shortcut_and_without() -> None:
    b = Blocks()
    for filters, stride in ((6, 2), (6, 1), (8, 1), (8, 1)):
        b.inverted(filters, stride)
    model = b.write()
    assert [Elementwise in missing(use) for use in uses(model)] == [
        True,
        False,
        True,
        False,
    ]
    assert "self.residual = stride == 1 and in_channels == out_channels" in (
        converted(model).source
    )


def test_a_shortcut_that_is_lacking_although_the_shape_stays() -> None:
    b = Blocks()
    b.inverted(4)
    b.inverted(4, shortcut=False)
    b.inverted(6, 2)
    assert "shortcut: bool = False" in converted(b.write()).source


@pytest.mark.parametrize("shortcut", [False, True])
def test_a_block_whose_result_is_the_model_s(shortcut: bool) -> None:
    """The last step is the one that a use lacks: its result is given all the same."""
    b = Blocks()
    b.inverted(6)
    b.inverted(6)
    first = b.x
    b.inverted(6 if shortcut else 8)
    conversion = converted(b.build([b.x.ref, first.ref]))
    assert [entry["tensor"] for entry in conversion.outputs] == [
        b.x.ref.index,
        first.ref.index,
    ]


def test_uses_of_one_value() -> None:
    b = Blocks()
    trunk = b.blaze(4)
    heads = []
    for filters, stride in ((4, 1), (6, 1), (8, 2)):
        b.x = trunk
        heads.append(b.blaze(filters, stride).ref)
    converted(b.build(heads))


def test_uses_at_several_resolutions() -> None:
    b = Blocks(20, 28)
    for stride in (1, 2, 1, 2, 1):
        b.blaze(4, stride)
    assert conditions(converted(b.write())) == ["self.stride == 2"]


@pytest.mark.parametrize("multipliers", [(1, 2, 1), (2, 1, 3)], ids=str)
def test_depth_multipliers(multipliers: tuple[int, ...]) -> None:
    b = Blocks()
    for multiplier in multipliers:
        y = b.depthwise(b.x, multiplier=multiplier, stride=multiplier % 2 + 1)
        b.x = b.convolve(y, 4)
        b.x = b.like(b.x, b.function("RELU", b.x.ref))
    converted(b.write())


def test_dilations() -> None:
    """Padding grows with them, and follows from no kernel."""
    b = Blocks()
    for dilation, kernel in ((1, 3), (2, 3), (3, 3), (1, 5), (2, 5)):
        y = b.convolve(b.x, 4, kernel, dilation=dilation)
        b.x = b.sum(y, b.x)
    converted(b.write())


def test_one_slope_for_all_channels_or_one_for_each() -> None:
    b = Blocks()
    for filters, slopes in ((4, 1), (4, 0), (6, 1), (6, 0)):
        y = b.convolve(b.depthwise(b.x), filters)
        skip = b.padded(b.x, filters - 4) if b.x.channels < filters else b.x
        b.x = b.prelu(b.sum(y, skip), slopes)
    converted(b.write())


def test_single_channels() -> None:
    """A convolution of one channel by itself is a plain one: no class says both."""
    b = Blocks(channels=1)
    for filters, stride in ((1, 1), (4, 2), (4, 1), (1, 1), (1, 1)):
        b.blaze(filters, stride)
    model = b.write()
    conversion = assert_same(model, ULPS)
    assert_layers_same(conversion, model, ULPS)


def test_what_numbers_follow_from_no_argument_is_given_by_each_use() -> None:
    b = Blocks()
    for hidden, kernel, filters in ((5, 3, 4), (7, 5, 6), (9, 4, 4), (6, 3, 4)):
        y = b.convolve(b.convolve(b.x, hidden), filters, kernel)
        skip = b.sliced(b.x, filters) if b.x.channels > filters else b.x
        skip = b.padded(skip, filters - 4) if skip.channels < filters else skip
        b.x = b.sum(y, skip)
    converted(b.write())


def skipped(use: Block) -> Iterator[Skipped]:
    yield from (node for node in use.body if isinstance(node, Skipped))


def test_a_mark_passes_its_first_operand_on() -> None:
    x = image()
    shapes = [pool(x), conv(x, 4, 3, 2, padding=1)]
    pooled = block([*shapes, step("add", result(*shapes), result(shapes[0]))])
    y = result(pooled)
    main = conv(y, 4)
    plain = block([main, step("add", result(main), y)])
    align_variants(graph([x], [pooled, plain]), CHAINS)
    (mark,) = skipped(plain)
    assert not list(skipped(pooled))
    assert mark.other is shapes[0]
    assert mark.inputs == [y]
    assert plain.body[-1].inputs == [result(main), result(mark)]
    assert result(mark).shape == y.shape
    assert result(*plain.body) is result(plain)


def test_a_mark_at_the_end_gives_the_block_s_own_result() -> None:
    def inverted(channels: int, filters: int) -> Block:
        x = image(channels)
        wide = conv(x, 2 * channels, 1)
        deep = conv(result(wide), 2 * channels, groups=2 * channels)
        narrow = conv(result(deep), filters, 1)
        total = [step("add", result(narrow), x)] if channels == filters else []
        return block([wide, deep, narrow, *total])

    whole, lacking = inverted(4, 4), inverted(4, 6)
    before = result(lacking)
    align_variants(graph([], [whole, lacking]), CHAINS)
    (mark,) = skipped(lacking)
    assert lacking.body[-1] is mark
    assert mark.outputs == [before] == lacking.outputs
    assert mark.inputs[1:] == lacking.inputs
    assert result(lacking.body[-2]) is mark.inputs[0] is not before
    assert not list(skipped(whole))


def test_the_shortest_chain_that_has_the_steps_of_all() -> None:
    """Pooled, widened, both in either order: three steps, and each use lacks some."""
    x = image()

    def around(*changes: Callable[..., Node]) -> Block:
        skips: list[Node] = []
        for change in changes:
            skips.append(change(result(*skips) if skips else x))
        end = result(*skips) if skips else x
        main = conv(x, end.shape[1], 3, 8 // end.shape[2], padding=1)
        return block([*skips, main, step("add", result(main), end)])

    def wide(x: Value) -> Node:
        return widened(x, 2)

    ways = [(), (pool,), (wide,), (pool, wide)]
    blocks = [around(*way) for way in ways]
    align_variants(graph([x], blocks), CHAINS)
    assert [len(list(skipped(use))) for use in blocks] == [2, 1, 1, 0]
    blocks = [around(*way) for way in (*ways, (wide, pool))]
    align_variants(graph([x], blocks), CHAINS)
    assert [len(list(skipped(use))) for use in blocks] == [3, 2, 2, 1, 1]
    assert {len(use.body) for use in blocks} == {2 + 3}


def test_what_all_uses_have_needs_no_mark() -> None:
    x = image(8)

    def strided(padded: bool) -> Block:
        pad = same_padded(x)
        main = conv(result(pad) if padded else x, 4, 3, 2)
        skips: list[Node] = [pool(x), narrowed(result(pool(x)), 4)]
        skips[1].inputs = skips[0].outputs
        total = step("add", result(main), result(*skips))
        return block([*([pad] if padded else []), main, *skips, total])

    blocks = [strided(True), strided(True)]
    align_variants(graph([x], blocks), CHAINS)
    assert not any(list(skipped(use)) for use in blocks)
    blocks = [strided(True), strided(False)]
    align_variants(graph([x], blocks), CHAINS)
    assert [len(list(skipped(use))) for use in blocks] == [0, 1]
