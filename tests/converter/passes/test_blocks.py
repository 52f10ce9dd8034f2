"""Structure around a shortcut that repeats becomes blocks; what is only like it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from converter.graph import Graph
from converter.ops.conv import Conv2d
from converter.ops.elementwise import Elementwise
from converter.passes import run_passes
from converter.passes.blocks import Block, find_blocks, structure
from tests.support.models import Ref
from tests.support.networks import Network
from tests.support.operators import all_nodes, assert_same, count, graph_after, graph_of

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
    first, second = blocks_of(two_residuals())
    kinds = [type(node) for node in first.body]
    assert kinds == [Conv2d, Elementwise, Elementwise]
    assert [n.function for n in first.body if isinstance(n, Elementwise)] == [
        "add",
        "relu",
    ]
    assert structure(first) == structure(second)
    assert first.outputs == second.inputs
    assert_same(two_residuals(), ULPS)


def test_what_stands_alone_stays() -> None:
    b = Network()
    model = b.build([b.residual(b.input((1, 4, 5, C)), C)])
    assert not blocks_of(model)


def test_two_activations_are_two_structures() -> None:
    model = two_residuals("RELU", "RELU6")
    assert not blocks_of(model)
    assert_same(model, ULPS)


def test_two_widths_are_one_structure() -> None:
    b = Network()
    x = b.conv(b.residual(b.input((1, 4, 5, C)), C), C, 7)
    first, second = blocks_of(b.build([b.residual(x, 7)]))
    assert structure(first) == structure(second)


def test_a_shortcut_around_nothing_that_learns_is_no_block() -> None:
    b = Network()
    x = b.input((1, 4, 5, C))
    for _ in range(2):
        x = b.add(x, b.function("EXP", x))
    assert not blocks_of(b.build([x]))


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
    assert len({structure(block) for block in blocks}) == 2
    assert_same(model, 28**3)


@pytest.mark.parametrize(
    ("name", "blocks", "structures"),
    [
        ("face_detector", 16, 3),
        ("face_landmarks_detector", 34, 3),
        ("face_blendshapes", 8, 2),
    ],
)
def test_official_models(
    official_graph: Callable[[str], Graph], name: str, blocks: int, structures: int
) -> None:
    graph = official_graph(name)
    run_passes(graph)
    found = [node for node in all_nodes(graph.nodes) if isinstance(node, Block)]
    assert count(graph, Block) == blocks
    assert len({structure(block) for block in found}) == structures
