"""Repeated subgraphs without a shortcut become blocks.

Before::

    b = expand(a)  c = relu6(b)  d = depthwise(c)  e = relu6(d)  f = project(e)
    …the same again, with other channels, between other nodes

After::

    f = block(a)    …block(…)

A unit is a subgraph of which only the last node's output is used outside. It may read several
values (a pyramid's merge reads coarse and fine features). The search pairs two nodes of equal
structure, grows both backwards to the largest units that are equal, and collects equal pairs
into all uses of one unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import takewhile

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.resize import Resize
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.blocks import depths, fold, make_block
from tflite2torch.converter.structure.budgets import BUDGETS
from tflite2torch.converter.structure.equivalence import node_structure
from tflite2torch.converter.structure.structure import (
    Block,
    Chain,
    Structure,
    is_activation,
    is_layer,
    is_residual_add,
    is_window_padding,
)

Unit = tuple[Node, ...]
"""The nodes of one use; the output of the last one is its result."""

Pair = tuple[Structure, tuple[Unit, Unit]]
"""The structure of two equal units, and both of them."""


def find_repeats(graph: Graph, chains: Sequence[Chain]) -> Rewrites:
    """Replace repeated units by blocks, those that save most source first; count them."""
    found = Rewrites()
    budget = [BUDGETS.pairs]
    orders: dict[Structure, list[int]] = {}
    while budget[0] > 0 and (units := _best_units(graph, chains, budget)):
        dissolves = _dissolves(graph, units)
        blocks = []
        for unit in units:
            parts = [[*n.inner] if dissolves and n.inner else [n] for n in unit]
            members = [node for part in parts for node in part]
            blocks.append(make_block(members, unit[-1].outputs[0], chains))
        # One class reads its values in one order, also where more of its uses are found in
        # a later round.
        order = orders.setdefault(blocks[0].key, _entry_order(graph, blocks[0]))
        for unit, block in zip(units, blocks, strict=True):
            block.inputs = [block.inputs[i] for i in order]
            fold(graph.nodes, unit, block)
        found.count += len(units)
    if budget[0] <= 0:
        found.near_misses.append(f"no search beyond {BUDGETS.pairs} pairs of nodes")
    return found


def _entry_order(graph: Graph, block: Block) -> list[int]:
    """Return the order of a block's operands; with a residual add, the deepest one first."""
    order = list(range(len(block.inputs)))
    if any(map(is_residual_add, block.body)):
        depth = depths(graph)
        order.sort(key=lambda i: depth.get(block.inputs[i], (0, 0)), reverse=True)
    return order


def _dissolves(graph: Graph, units: Sequence[Unit]) -> bool:
    """Return whether units consist only of blocks whose classes occur nowhere else.

    Their bodies are then inlined: one class instead of two.
    """
    if not all(isinstance(node, Block) for unit in units for node in unit):
        return False
    within = {node for unit in units for node in unit}
    kinds = {node_structure(node) for node in units[0]}
    return not any(node_structure(node) in kinds for node in graph.nodes if node not in within)


def _best_units(graph: Graph, chains: Sequence[Chain], budget: list[int]) -> list[Unit]:
    """Return all uses of the unit whose class would save the most; empty if none is worth it."""
    search = _Search(graph, chains, budget)
    found: dict[Structure, list[Unit]] = {}
    for key, pair in search.pairs():
        uses = found.setdefault(key, [])
        uses += [new for new in pair if all(set(new).isdisjoint(use) for use in uses)]
    worthy = []
    for uses in found.values():
        cut = max(map(search.cut, uses))
        saves_enough = cut * (len(uses) - 1) >= BUDGETS.saved_blocks
        if _is_worth_a_class(uses) and (not cut or saves_enough):
            worthy.append(uses)
    return max(worthy, key=_weight, default=[])


def _is_worth_a_class(uses: Sequence[Unit]) -> bool:
    """Return whether units repeat, and have enough layers to be worth a class.

    Fewer layers are enough where a reader recognizes the unit: by a merge that resizes, a
    residual add, or more than two uses.
    """
    layers = sum(is_layer(node) for node in uses[0])
    joins = any(is_residual_add(node) for node in uses[0])
    resizes = any(isinstance(node, Resize) for node in uses[0])
    least = 1 if joins and resizes else 2 if joins or len(uses) > 2 else 3
    return len(uses) > 1 and layers >= least


def _weight(uses: Sequence[Unit]) -> int:
    """Return how much source a class saves.

    A layer counts most, for it costs a line in the constructor and one in ``forward``.
    """
    layers = sum(is_layer(node) for node in uses[0])
    return (len(uses) - 1) * (10 * layers + len(uses[0]))


class _Search:
    """Finds pairs of equal units in one graph, as it stands when it is made.

    ``budget`` holds how many pairs of nodes may still be made.
    """

    def __init__(self, graph: Graph, chains: Sequence[Chain], budget: list[int]) -> None:
        self._chains = chains
        self._budget = budget
        self._nodes = graph.nodes
        self._place = {node: place for place, node in enumerate(graph.nodes)}
        self._producers = graph.producers()
        self._users = graph.users()
        self._sole_users = graph.sole_users()
        self._outputs = set(graph.outputs)
        self._kind = {node: node_structure(node) for node in graph.nodes}

    def pairs(self) -> Iterator[Pair]:
        """Yield the largest equal units that end in each two nodes of one structure."""
        ends: dict[Structure, list[Node]] = {}
        for node in reversed(self._nodes):
            if self._may_end(node):
                ends.setdefault(self._kind[node], []).append(node)
        # Later ends come first: two nodes at the same position of a larger pair would only
        # grow to parts of it, so that they need no search of their own.
        seen: set[tuple[Node, Node]] = set()
        for nodes in ends.values():
            for index, second in enumerate(nodes):
                for first in nodes[index + 1 : index + 1 + BUDGETS.neighbours]:
                    if (first, second) in seen or self._budget[0] <= 0:
                        continue
                    pairs = self._grown(first, second)
                    self._budget[0] -= len(pairs)
                    seen.update(pairs.items())
                    yield from self._units(pairs)
                    # Again without leading blocks: these may belong to the stage before, so
                    # that only the rest is a unit of its own.
                    if self._trim(pairs, lambda node: isinstance(node, Block)):
                        yield from self._units(pairs)

    def cut(self, unit: Unit) -> int:
        """Return how many blocks this unit would remove from the stage before it."""
        blocks = list(takewhile(lambda node: isinstance(node, Block), unit))
        before = self._producers.get(unit[0].inputs[0])
        if before is None or not self._continues(before, unit[0]):
            return 0
        return len(blocks) if self._readers(before) == [unit[0]] else 0

    def _readers(self, node: Node) -> list[Node]:
        """Return the readers of a node's result, looking through padding."""
        found: list[Node] = []
        for reader in self._users.get(node.outputs[0], []):
            found += self._readers(reader) if self._is_own(reader) else [reader]
        return found

    def _is_own(self, node: Node) -> bool:
        """Return whether a node is the padding of one layer.

        Equal units may differ in padding: one convolution pads by itself, another cannot. The
        search looks through it, and adds it to the unit that its layer is in.
        """
        return is_window_padding(node) and node.outputs[0] in self._sole_users

    def _may_end(self, node: Node) -> bool:
        """Return whether a unit may end at this node."""
        # Not before an activation, which belongs to the layer before it; nor between two
        # blocks of one class, which are a stage already.
        readers = self._readers(node)
        if len(node.outputs) != 1 or self._is_own(node):
            return False
        if len(readers) != 1 or node.outputs[0] in self._outputs:
            return True
        return not (is_activation(readers[0]) or self._continues(node, readers[0]))

    def _continues(self, node: Node, reader: Node) -> bool:
        """Return whether a node and its reader are blocks of one structure."""
        return isinstance(node, Block) and self._kind[node] == self._kind[reader]

    def _grown(self, first: Node, second: Node) -> dict[Node, Node]:
        """Return the largest pairing of two equal units that end in these nodes."""
        pairs: dict[Node, Node] = {first: second}
        taken = {first, second}
        # A heap, nearest to the end first: a node may join only when all its readers have,
        # and in this order all of them have been visited before it.
        waiting = self._operands(first, second)
        joins = is_residual_add(first)
        while waiting and len(pairs) < BUDGETS.block_nodes:
            _, _, p, q = heappop(waiting)
            # Residual blocks that a merge reads, or whose result it refines, are stages of
            # the trunk, not parts of the merge.
            trunk = joins and isinstance(p, Block) and any(map(is_residual_add, p.body))
            if trunk or p in taken or q in taken or not self._agree(p, q, pairs):
                continue
            pairs[p] = q
            taken |= {p, q}
            joins = joins or is_residual_add(p)
            for candidate in self._operands(p, q):
                heappush(waiting, candidate)
        # An activation at the beginning belongs to a layer before it.
        self._trim(pairs, is_activation)
        return pairs

    def _operands(self, one: Node, other: Node) -> list[tuple[int, int, Node, Node]]:
        """Return the producers of two nodes' operands in pairs, by place from the end.

        Places are unique, so that a heap of them never compares nodes.
        """
        producers = [
            (self._producer(a), self._producer(b))
            for a, b in zip(one.inputs, other.inputs, strict=True)
        ]
        return sorted(
            (-self._place[p], -self._place[q], p, q)
            for p, q in producers
            if p is not None and q is not None and p is not q
        )

    def _producer(self, value: Value) -> Node | None:
        """Return the node that computes a value, looking through padding."""
        node = self._producers.get(value)
        while node is not None and self._is_own(node):
            node = self._producers.get(node.inputs[0])
        return node

    def _agree(self, p: Node, q: Node, pairs: dict[Node, Node]) -> bool:
        """Return whether two nodes may join two units: equal, and read only inside them."""
        if self._kind[p] != self._kind[q] or len(p.outputs) > 1:
            return False
        if not self._outputs.isdisjoint([*p.outputs, *q.outputs]):
            return False
        readers = self._readers(p), self._readers(q)
        return [pairs.get(node) for node in readers[0]] == readers[1]

    def _trim(self, pairs: dict[Node, Node], leave: Callable[[Node], bool]) -> bool:
        """Drop leading nodes that satisfy ``leave``; return whether any was dropped."""
        whole = len(pairs)
        trims = True
        while trims and len(pairs) > 1:
            first = [
                node
                for node in pairs
                if leave(node) and all(self._producer(v) not in pairs for v in node.inputs)
            ]
            trims = bool(first)
            for node in first:
                del pairs[node]
        return len(pairs) < whole

    def _units(self, pairs: dict[Node, Node]) -> Iterator[Pair]:
        """Yield the units of a pairing, in the graph's order, if one class fits both."""
        units = self._ordered(pairs), self._ordered(pairs.values())
        kinds = [self._kind[node] for node in units[0] if not self._is_own(node)]
        if len(kinds) < 2 or _is_run(kinds, units[0]):
            return
        # Pairs agree node by node; only the keys of blocks also compare their connections.
        one, other = (make_block(unit, unit[-1].outputs[0], self._chains).key for unit in units)
        if one == other:
            yield one, units

    def _ordered(self, nodes: Iterable[Node]) -> Unit:
        """Return nodes and the padding of their convolutions, in the graph's order."""
        whole = dict.fromkeys(nodes)
        for node in list(whole):
            for value in node.inputs:
                before = self._producers.get(value)
                if before is not None and self._is_own(before):
                    whole[before] = None
        return tuple(sorted(whole, key=self._place.__getitem__))


def _is_run(kinds: list[Structure], unit: Unit) -> bool:
    """Return whether a unit is itself periodic or a run of equal blocks."""
    length = len(kinds)
    if all(isinstance(node, Block) for node in unit) and len(set(kinds)) < length:
        return True
    return any(
        length % period == 0 and kinds == kinds[:period] * (length // period)
        for period in range(1, length // 2 + 1)
    )
