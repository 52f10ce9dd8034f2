"""Nodes around a shortcut become a block, where their structure repeats.

Before::

    b = depthwise(a)    c = pointwise(b)    d = add(a, c)    e = relu(d)    f = depthwise(e)

After::

    e = block(a)    f = block(e)

A block is the region between a value and the node where the paths that leave it meet again,
with the activation that follows. The region has weights, and nothing inside is read from
outside. Known chains of layers are blocks even without a shortcut. Only a structure that
occurs more than once becomes blocks. Inner blocks are found before outer ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.traversal import (
    dominators,
    operands,
    producers_of,
    topological_order,
)
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.budgets import BUDGETS
from tflite2torch.converter.structure.equivalence import shortcut, structure_of
from tflite2torch.converter.structure.structure import (
    Block,
    Chain,
    is_activation,
    is_layer,
    is_residual_add,
)


def find_blocks(graph: Graph, chains: Sequence[Chain]) -> Rewrites:
    """Replace nodes by the blocks that they form, and count these.

    Near misses are regions that would be blocks if their structure occurred twice.
    """
    found = Rewrites()
    # Chains that never have a shortcut are parts of regions, so they are folded first. Those
    # that may have one are found together with regions: both can be uses of one class.
    plain = [chain for chain in chains if not chain.shortcut]
    residual = [chain for chain in chains if chain.shortcut]
    found.count += _fold_repeated(graph, list(_chains(graph, plain, chains)))
    _put_longer_sides_first(graph)
    for _ in range(BUDGETS.nesting):
        regions = _regions(graph, chains)
        taken = {node for block in regions for node in block.body}
        others = _chains(graph, residual, chains)
        candidates = regions + [b for b in others if taken.isdisjoint(b.body)]
        folded = _fold_repeated(graph, candidates)
        found.count += folded
        if not folded:
            names = (block.outputs[0].name for block in candidates)
            found.near_misses += [f"{n!a}: its structure is there once" for n in names]
            break
    return found


def _fold_repeated(graph: Graph, blocks: Sequence[Block]) -> int:
    """Fold the blocks whose structure occurs more than once; return how many."""
    counts = Counter(block.key for block in blocks)
    repeated = [block for block in blocks if counts[block.key] > 1]
    for block in repeated:
        fold(graph.nodes, block.body, block)
    return len(repeated)


def _put_longer_sides_first(graph: Graph) -> None:
    """Order the operands of residual adds: the deeper path first.

    Files have either order; without this, it would make two classes of one.
    """
    depth = depths(graph)
    for node in graph.nodes:
        if is_residual_add(node):
            node.inputs.sort(key=lambda value: depth.get(value, (0, 0)), reverse=True)


def depths(graph: Graph) -> dict[Value, tuple[int, int]]:
    """Return the depth of each computed value: the most layers and nodes on a path to it."""
    depth: dict[Value, tuple[int, int]] = {}
    for node in graph.nodes:
        before = (depth.get(value, (0, 0)) for value in operands(node))
        layers, steps = max(before, default=(0, 0))
        for value in node.outputs:
            depth[value] = (layers + is_layer(node), steps + 1)
    return depth


def fold(nodes: list[Node], members: Sequence[Node], whole: Node) -> None:
    """Replace members by one node, at the position of the last member."""
    gone = set(members)
    last = max(i for i, node in enumerate(nodes) if node in gone)
    nodes[last] = whole
    nodes[:] = [node for node in nodes if node not in gone]


def make_block(members: Sequence[Node], result: Value, chains: Sequence[Chain]) -> Block:
    """Return a block of some nodes, with one result.

    The order of its body depends on its structure alone, so that bodies can be compared step
    by step: the steps of shortcuts first, the others in topological order.
    """
    producers = producers_of(members)
    ordered = topological_order([result], producers)
    reads = Counter(value for node in members for value in node.inputs)
    # A search from the result meets a shortcut's steps before the layers or after them,
    # depending on the order of the add's operands. A reader expects them in front.
    early: dict[Node, None] = {}
    for node in ordered:
        if is_residual_add(node):
            for value in node.inputs:
                early |= dict.fromkeys(reversed([*shortcut(value, producers, reads)]))
    body = [*early, *(node for node in ordered if node not in early)]
    entries, key = structure_of(body, chains)
    return Block(entries, [result], body, key, operator=body[-1].operator)


def _chains(graph: Graph, wanted: Sequence[Chain], chains: Sequence[Chain]) -> Iterator[Block]:
    """Yield non-overlapping known chains of layers."""
    sole_users = graph.sole_users()
    taken: set[Node] = set()
    for node in graph.nodes:
        for chain in wanted:
            members = _followed(node, chain.layers, sole_users)
            if node not in taken and chain.matches(members):
                taken.update(members)
                yield make_block(members, members[-1].outputs[0], chains)


def _followed(first: Node, layers: int, sole_users: Mapping[Value, Node]) -> list[Node]:
    """Return the chain of sole users from a node on, up to a number of layers."""
    members = [first]
    passed = int(_is_plain_layer(first))
    while 0 < passed < layers and len(members) < BUDGETS.block_nodes:
        reader = sole_users.get(members[-1].outputs[0])
        if reader is None or len(operands(reader)) != 1 or len(reader.outputs) > 1:
            break
        members.append(reader)
        passed += _is_plain_layer(reader)
    return members


def _is_plain_layer(node: Node) -> bool:
    return is_layer(node) and not isinstance(node, Block)


def _regions(graph: Graph, chains: Sequence[Chain]) -> list[Block]:
    """Return the innermost regions between a value and the node where its paths meet again."""
    producers, users, sole_users = graph.producers(), graph.users(), graph.sole_users()
    dominator = dominators(graph.nodes)
    taken: set[Node] = set()
    found: list[Block] = []
    for end in graph.nodes:
        if len(operands(end)) < 2 or isinstance(end, Block):
            continue
        # Every path to a node passes its dominator. Paths that meet at ``end`` have parted at
        # the dominator, so that the nodes between both are the region.
        members = topological_order(
            end.outputs[:1], producers, stop=dominator[end], limit=BUDGETS.block_nodes
        )
        entries = {v for n in members for v in operands(n)}.difference(
            *(node.outputs for node in members)
        )
        if len(entries) != 1 or not any(n.parameters or n.inner for n in members):
            continue
        activation = sole_users.get(end.outputs[0])
        if activation is not None and is_activation(activation):
            members.append(activation)
        if _is_closed(members, users, graph.outputs) and taken.isdisjoint(members):
            taken.update(members)
            found.append(make_block(members, members[-1].outputs[0], chains))
    return found


def _is_closed(
    members: Sequence[Node], users: Mapping[Value, list[Node]], outputs: Sequence[Value]
) -> bool:
    """Return whether nothing but the last node's result is read from outside."""
    within = set(members)
    inner = {value for node in members[:-1] for value in node.outputs}
    return inner.isdisjoint(outputs) and all(
        within.issuperset(users.get(value, [])) for value in inner
    )
