"""Structure around a shortcut that repeats becomes blocks; what is only like it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.layers import RELU6, Layers
from tests.support.models import Ref
from tests.support.networks import Network
from tests.support.operators import (
    ALL_PASSES,
    all_nodes,
    assert_same,
    count,
    graph_after,
    graph_of,
    rewritten,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.rewriting import Rewrites, run_passes
from tflite2torch.converter.structure.blocks import find_blocks
from tflite2torch.converter.structure.structure import Block, is_residual_add

C = 3
ULPS = 28**2  # two convolutions of 27 products in a row, the second of the first's sums


def blocks_of(model: bytes) -> list[Block]:
    graph = graph_after(graph_of(model), find_blocks)
    return [node for node in all_nodes(graph.nodes) if isinstance(node, Block)]


def two_residuals(first: str = "RELU", second: str = "RELU") -> bytes:
    b = Network()
    x = b.residual(b.input((1, 4, 5, C)), C, first)
    return b.build([b.residual(x, C, second)])


def test_a_residual_that_repeats_is_a_block_with_its_activation() -> None:
    assert rewritten(graph_of(two_residuals()), find_blocks) == Rewrites(2)
    first, second = blocks_of(two_residuals())
    kinds = [type(node) for node in first.body]
    assert kinds == [Conv2d, Elementwise, Elementwise]
    assert [n.function for n in first.body if isinstance(n, Elementwise)] == [
        "add",
        "relu",
    ]
    assert first.key == second.key
    assert first.outputs == second.inputs
    assert_same(two_residuals(), ULPS)


def test_what_stands_alone_stays() -> None:
    b = Network()
    model = b.build([b.residual(b.input((1, 4, 5, C)), C)])
    assert not blocks_of(model)
    done = rewritten(graph_of(model), find_blocks)
    assert done.count == 0
    (near_miss,) = done.near_misses
    assert near_miss.endswith("its structure is there once")


def test_two_activations_are_two_structures() -> None:
    model = two_residuals("RELU", "RELU6")
    assert not blocks_of(model)
    assert_same(model, ULPS)


def test_two_widths_are_one_structure() -> None:
    b = Network()
    x = b.conv(b.residual(b.input((1, 4, 5, C)), C), C, 7)
    first, second = blocks_of(b.build([b.residual(x, 7)]))
    assert first.key == second.key


def test_a_shortcut_around_nothing_that_learns_is_no_block() -> None:
    b = Network()
    x = b.input((1, 4, 5, C))
    for _ in range(2):
        x = b.add(x, b.function("EXP", x))
    assert not blocks_of(b.build([x]))


def test_a_shortcut_around_a_slope_alone() -> None:
    b = Layers(seed=1)
    x = b.image(4, 5, C)
    for _ in range(2):
        x = b.sum(b.prelu(x), x)
    model = b.build([x.ref])
    assert len(blocks_of(model)) == 2
    assert_same(model, 4)


def test_a_shortcut_from_further_back_is_the_outer_block_s() -> None:
    """Two paths that meet twice: the inner sum is a block, and so is what holds it."""
    b = Network()
    x = b.input((1, 4, 5, C))
    for _ in range(2):
        skip = x
        for _ in range(2):
            x = b.add(b.conv(x, C, C), x)
        x = b.add(b.conv(x, C, C), skip)
    model = b.build([x])
    assert sorted(len(block.body) for block in blocks_of(model)) == [2] * 4 + [4] * 2
    assert_same(model, 28**3)


def test_blocks_that_share_their_entry() -> None:
    b = Network()
    trunk = b.function("TANH", b.conv(b.input((1, 4, 5, C)), C, C))
    heads = [b.conv(b.residual(b.residual(trunk, C), C), C, n) for n in (2, 4)]
    model = b.build(heads)
    assert len(blocks_of(model)) == 4
    assert_same(model, 28**3)


@pytest.mark.parametrize("swapped", [False, True])
def test_either_operand_may_be_the_shortcut(swapped: bool) -> None:
    """What has passed more layers stands first, whatever the file says."""
    b = Network()
    x = b.input((1, 4, 5, C))
    for turned in (False, swapped):
        pair = [b.conv(x, C, C), x]
        x = b.function("RELU", b.add(*(pair[::-1] if turned else pair)))
    model = b.build([x])
    first, second = blocks_of(model)
    assert first.key == second.key
    for block in (first, second):
        assert block.body[1].inputs == [block.body[0].outputs[0], block.inputs[0]]
    assert_same(model, ULPS)


def test_a_difference_is_not_turned_round() -> None:
    b = Network()
    x = b.input((1, 4, 5, C))
    for turned in (False, True):
        pair = [b.conv(x, C, C), x]
        x = b.sub(*(pair[::-1] if turned else pair))
    model = b.build([x])
    assert not blocks_of(model)
    assert_same(model, ULPS)


def test_a_bottleneck_that_widens_is_a_block_without_a_shortcut_too() -> None:
    b = Layers(seed=1)
    x = b.image(8, 8, 4)
    for filters, stride in ((4, 1), (6, 2), (6, 1)):
        y = b.convolve(x, 3 * x.channels, activation=RELU6)
        y = b.convolve(b.depthwise(y, 3, stride, activation=RELU6), filters)
        x = b.sum(y, x) if y.shape == x.shape else y
    model = b.build([x.ref])
    joins = [is_residual_add(block.body[-1]) for block in blocks_of(model)]
    assert joins == [True, False, True]
    assert len({block.key for block in blocks_of(model)}) == 1
    assert_same(model, 500)


def test_one_that_shows_its_inside_is_none() -> None:
    b = Layers(seed=1)
    x, shown = b.image(8, 8, 4), []
    for filters in (6, 8, 6):
        y = b.convolve(x, 3 * x.channels, activation=RELU6)
        shown.append(y.ref)
        x = b.convolve(b.depthwise(y, activation=RELU6), filters)
    model = b.build([x.ref, shown[1]])
    assert len(blocks_of(model)) == 2
    assert_same(model, 500)


def test_a_sum_of_more_steps_than_a_block_may_hold_stays() -> None:
    def deep(steps: int) -> bytes:
        b = Network()
        x = b.input((1, 2, 2, C))
        for _ in range(2):
            y = x
            for _ in range(steps):
                y = b.function("TANH", y)
            x = b.add(b.conv(y, C, C), x)
        return b.build([x])

    assert len(blocks_of(deep(40))) == 2
    assert not blocks_of(deep(120))


def inner_is_an_output(b: Network, x: Ref, inner: Ref) -> list[Ref]:
    return [x, inner]


def inner_is_read_later(b: Network, x: Ref, inner: Ref) -> list[Ref]:
    return [b.sub(x, inner)]


@pytest.mark.parametrize("reader", [inner_is_an_output, inner_is_read_later])
def test_what_is_read_from_outside_is_no_block(
    reader: Callable[[Network, Ref, Ref], list[Ref]],
) -> None:
    """The first of three residuals shows its inside; the other two are blocks."""
    b = Network()
    x = b.input((1, 4, 5, C))
    inner = b.conv(x, C, C)
    x = b.function("RELU", b.add(x, inner))
    for _ in range(2):
        x = b.residual(x, C)
    model = b.build(reader(b, x, inner))
    assert len(blocks_of(model)) == 2
    assert_same(model, 28 * ULPS)


def test_an_activation_that_is_not_alone_stays_outside() -> None:
    b = Network()
    x = b.input((1, 4, 5, C))
    for _ in range(2):
        total = b.add(x, b.conv(x, C, C))
        x = b.add(b.function("RELU", total), b.function("EXP", total))
    blocks = blocks_of(b.build([x]))
    assert all(len(block.body) != 3 for block in blocks)


def test_blocks_inside_blocks() -> None:
    """Residuals in the branch of a residual, twice."""
    b = Network()
    x = b.input((1, 4, 5, C))
    for _ in range(2):
        inner = b.residual(b.residual(x, C), C)
        x = b.function("RELU", b.add(x, b.conv(inner, C, C)))
    model = b.build([x])
    blocks = blocks_of(model)
    assert len(blocks) == 2 + 4
    assert len({block.key for block in blocks}) == 2
    assert_same(model, 28**3)


@pytest.mark.parametrize(
    ("name", "blocks", "structures"),
    [
        ("face_detector", 16, 1),
        ("face_landmarks_detector", 34, 1),
        ("face_blendshapes", 4 + 8, 2),
    ],
)
def test_official_models(
    official_graph: Callable[[str], Graph], name: str, blocks: int, structures: int
) -> None:
    graph = official_graph(name)
    run_passes(graph, ALL_PASSES)
    found = [node for node in all_nodes(graph.nodes) if isinstance(node, Block)]
    assert count(graph, Block) == blocks
    assert len({block.key for block in found}) == structures
