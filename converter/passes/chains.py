"""Chains of layers that repeat become blocks, like regions with a shortcut do.

Before::

    b = expand(a)  c = relu6(b)  d = depthwise(c)  e = relu6(d)  f = project(e)
    …the same again, with other channels, between other nodes

After::

    f = block(a)    …block(…)

A chain is nodes of which each reads only the one before it. The unit that repeats begins
with something else than an activation and holds two layers or more, not all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from converter.graph import Graph, Node, Value
from converter.ops.elementwise import PRelu
from converter.passes.blocks import (
    Block,
    Structure,
    fold,
    is_activation,
    node_structure,
)

FEWEST = 3
"""How often a unit repeats at least, if it is not a known block that lacks the shortcut."""

LONGEST = 16
"""How many nodes a unit holds at most."""

Unit = tuple[int, ...]
"""The structures of its nodes, by number."""


def find_chains(graph: Graph) -> None:
    """Put blocks in the place of units that repeat, the weightiest first."""
    while blocks := _best_unit(graph):
        for block in blocks:
            fold(graph, block.body, block)


def _best_unit(graph: Graph) -> list[Block]:
    chains = list(_chains(graph))
    spots: dict[Unit, list[list[Node]]] = {}
    numbers: dict[Structure, int] = {}
    for chain in chains:
        structures = [
            numbers.setdefault(node_structure(node), len(numbers)) for node in chain
        ]
        for start, stop in _spans(chain):
            unit = tuple(structures[start:stop])
            found = spots.setdefault(unit, [])
            if not found or not set(found[-1]) & set(chain[start:stop]):
                found.append(chain[start:stop])
    known = {
        _layer_kinds(block.body) for block in graph.nodes if isinstance(block, Block)
    }
    repeated = [
        uses
        for uses in spots.values()
        if len(uses) >= (2 if _layer_kinds(uses[0]) in known else FEWEST)
    ]
    if not repeated:
        return []
    best = max(
        repeated,
        key=lambda uses: (
            _layer_kinds(uses[0]) in known,
            (len(uses) - 1) * (10 * len(_layer_kinds(uses[0])) + len(uses[0])),
        ),
    )
    return [_block(nodes) for nodes in best]


def _layer_kinds(nodes: list[Node]) -> tuple[tuple[type, str], ...]:
    return tuple((type(node), node.variant) for node in nodes if _is_layer(node))


def _block(nodes: list[Node]) -> Block:
    first, last = nodes[0], nodes[-1]
    entry = [value for value in first.inputs if value.data is None]
    return Block(entry, list(last.outputs), nodes, operator=last.operator)


def _chains(graph: Graph) -> Iterator[list[Node]]:
    users = graph.users()
    follows: dict[Node, Node] = {}
    for node in graph.nodes:
        if (
            _links(node)
            and len(node.outputs) == 1
            and node.outputs[0] not in graph.outputs
        ):
            readers = users.get(node.outputs[0], [])
            if len(readers) == 1 and _links(readers[0]):
                follows[node] = readers[0]
    followers = set(follows.values())
    for node in graph.nodes:
        if _links(node) and node not in followers:
            chain = [node]
            while chain[-1] in follows:
                chain.append(follows[chain[-1]])
            yield chain


def _links(node: Node) -> bool:
    operands: list[Value] = [value for value in node.inputs if value.data is None]
    return len(operands) == 1 and not isinstance(node, Block)


def _spans(chain: list[Node]) -> Iterator[tuple[int, int]]:
    """Yield what a unit may be made of: whole layers with the activations behind them."""
    kinds = [(type(node), node.variant) for node in chain]
    for start in range(len(chain)):
        if is_activation(chain[start]):
            continue
        for stop in range(start + 1, min(start + LONGEST, len(chain)) + 1):
            cut = stop < len(chain) and is_activation(chain[stop])
            layers = sum(_is_layer(node) for node in chain[start:stop])
            if layers > 1 and not cut and not _periodic(kinds[start:stop]):
                yield start, stop


def _is_layer(node: Node) -> bool:
    return bool(node.parameters) and not isinstance(node, PRelu)


def _periodic(kinds: list[tuple[type, str]]) -> bool:
    """Whether a unit is itself a smaller one several times over."""
    length = len(kinds)
    return any(
        length % period == 0 and kinds == kinds[:period] * (length // period)
        for period in range(1, length // 2 + 1)
    )
