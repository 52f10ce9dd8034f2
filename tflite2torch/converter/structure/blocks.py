"""Structure around a shortcut that repeats becomes blocks.

Before::

    b = depthwise(a)    c = pointwise(b)    d = add(a, c)    e = relu(d)    f = depthwise(e)

After::

    e = block(a)    f = block(e)

A block is what lies between a value and the node where the paths that leave it meet again,
if nothing inside is read from outside and there are weights in it, and the activation that
follows. An inverted bottleneck is one also where it lacks the shortcut. It stays a block only
where the model has another of the same structure. Blocks inside blocks are found first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.structure import (
    Block,
    Structure,
    entries_of,
    is_activation,
    is_inverted,
    is_join,
    is_layer,
    operands,
    shortcut,
)

DEEPEST = 5
"""How deep blocks lie in blocks at most: nobody looks further for what a step does."""

LARGEST = 100
"""How many nodes a block holds at most: nobody reads a longer ``forward``."""


def find_blocks(graph: Graph) -> Rewrites:
    """Put blocks in the place of the nodes that they are made of."""
    _put_longer_sides_first(graph)
    rounds = iter(lambda: _repeated(_candidates(graph)), [])
    found = Rewrites()
    for blocks in islice(rounds, DEEPEST):
        found.count += len(blocks)
        for block in blocks:
            fold(graph.nodes, block.body, block)
    return found


def _put_longer_sides_first(graph: Graph) -> None:
    """Make what has passed more layers the first operand of every sum with a shortcut."""
    depth = depths(graph)
    for node in graph.nodes:
        if is_join(node):
            node.inputs.sort(key=lambda value: depth.get(value, (0, 0)), reverse=True)


def depths(graph: Graph) -> dict[Value, tuple[int, int]]:
    """Return how many layers, and how many steps, lie before each computed value."""
    depth: dict[Value, tuple[int, int]] = {}
    for node in graph.nodes:
        before = (depth.get(value, (0, 0)) for value in operands(node))
        layers, steps = max(before, default=(0, 0))
        for value in node.outputs:
            depth[value] = (layers + is_layer(node), steps + 1)
    return depth


def fold(nodes: list[Node], members: Sequence[Node], whole: Node) -> None:
    """Put one node in the place of the last of those that it is made of."""
    gone = set(members)
    last = max(i for i, node in enumerate(nodes) if node in gone)
    nodes[last] = whole
    nodes[:] = [node for node in nodes if node not in gone]


def make_block(members: Sequence[Node], result: Value) -> Block:
    """Return the block that some nodes are, in the one order that their structure has.

    Operands stand before what reads them, the steps of a shortcut first of all.
    """
    producers = {value: node for node in members for value in node.outputs}
    ordered = _upstream(result, producers)
    readers = Counter(value for node in members for value in node.inputs)
    early: dict[Node, None] = {}
    for node in ordered:
        if is_join(node):
            for value in node.inputs:
                early |= dict.fromkeys(reversed([*shortcut(value, producers, readers)]))
    body = [*early, *(node for node in ordered if node not in early)]
    return Block(entries_of(body), [result], body, operator=body[-1].operator)


def _upstream(value: Value, producers: dict[Value, Node]) -> list[Node]:
    """Return the nodes that a value depends on, operands before what reads them."""
    found: dict[Node, None] = {}
    waiting = [producers[value]] if value in producers else []
    while waiting:
        node = waiting[-1]
        missing = [
            producers[v]
            for v in operands(node)
            if v in producers and producers[v] not in found
        ]
        if missing and node not in found:
            waiting += reversed(missing)
        else:
            found.setdefault(node)
            waiting.pop()
    return list(found)


def _candidates(graph: Graph) -> list[Block]:
    """Return what is a block if it repeats; none holds a part of another."""
    regions = _regions(graph)
    taken = {node for block in regions for node in block.body}
    return regions + [b for b in _inverted(graph) if taken.isdisjoint(b.body)]


def _inverted(graph: Graph) -> Iterator[Block]:
    """Yield the chains of layers that are inverted bottlenecks without a shortcut."""
    users = graph.users()
    for node in graph.nodes:
        chain, layers = [node], 1
        while layers < 3 and node.variant == "pointwise" and len(chain) < LARGEST:
            readers = users.get(chain[-1].outputs[0], [])
            if len(readers) != 1 or chain[-1].outputs[0] in graph.outputs:
                break
            if len(operands(readers[0])) != 1 or len(readers[0].outputs) > 1:
                break
            chain.append(readers[0])
            layers += is_layer(readers[0]) and not isinstance(readers[0], Block)
        if is_inverted(chain):
            yield make_block(chain, chain[-1].outputs[0])


def _repeated(blocks: list[Block]) -> list[Block]:
    """Return the blocks whose structure the model has more than once."""
    counts: Counter[Structure] = Counter(block.key for block in blocks)
    return [block for block in blocks if counts[block.key] > 1]


def _regions(graph: Graph) -> list[Block]:
    """Return the innermost regions between a value and where its paths meet again."""
    producers, users = graph.producers(), graph.users()
    dominators = _dominators(graph, producers)
    taken: set[Node] = set()
    found: list[Block] = []
    for node in graph.nodes:
        if len(operands(node)) < 2 or isinstance(node, Block):
            continue
        members = _region(node, dominators[node], producers, users, set(graph.outputs))
        if members and taken.isdisjoint(members):
            taken.update(members)
            found.append(make_block(members, members[-1].outputs[0]))
    return found


def _dominators(graph: Graph, producers: dict[Value, Node]) -> dict[Node, Node | None]:
    """Map each node to the last one that every path to it passes; None is the input.

    The algorithm for acyclic graphs: the nearest common ancestor, in the tree of
    dominators, of what the node reads (Cooper, Harvey and Kennedy, 2001).
    """
    dominators: dict[Node, Node | None] = {}
    depth: dict[Node | None, int] = {None: 0}
    for node in graph.nodes:
        common: list[Node | None] = [producers.get(v) for v in operands(node)] or [None]
        while len(set(common)) > 1:
            deepest = max(common, key=lambda n: depth[n])
            assert deepest is not None  # it is deeper than another
            common = [dominators[deepest] if n is deepest else n for n in common]
        dominators[node] = common[0]
        depth[node] = depth[common[0]] + 1
    return dominators


def _region(
    end: Node,
    start: Node | None,
    producers: dict[Value, Node],
    users: dict[Value, list[Node]],
    outputs: set[Value],
) -> list[Node]:
    """Return what lies between two nodes, if it is a block; the last one gives its result."""
    members, entries = _between(start, end, producers)
    weighty = any(node.parameters or isinstance(node, Block) for node in members)
    if len(entries) != 1 or not weighty:
        return []
    for activation in users.get(end.outputs[0], []):
        alone = len(users[end.outputs[0]]) == 1 and end.outputs[0] not in outputs
        if alone and is_activation(activation):
            members.append(activation)
    inner = set(members)
    for node in members[:-1]:
        for value in node.outputs:
            if value in outputs or not inner.issuperset(users.get(value, [])):
                return []
    return members


def _between(
    start: Node | None, end: Node, producers: dict[Value, Node]
) -> tuple[list[Node], set[Value]]:
    """Return what lies between, operands before what reads them, and where it begins.

    Nothing where that is more than a block may hold.
    """
    members: dict[Node, None] = {}
    entries: set[Value] = set()
    waiting = [end]
    while waiting and len(members) + len(waiting) < LARGEST:
        node = waiting[-1]
        missing = []
        for value in operands(node):
            producer = producers.get(value)
            if producer is start or producer is None:
                entries.add(value)
            elif producer not in members:
                missing.append(producer)
        if missing and node not in members:
            waiting += reversed(missing)
        else:
            members.setdefault(node)
            waiting.pop()
    return ([], set()) if waiting else (list(members), entries)
