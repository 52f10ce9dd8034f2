"""Structure of any shape that repeats becomes blocks, where no shortcut shows them.

Before::

    b = expand(a)  c = relu6(b)  d = depthwise(c)  e = relu6(d)  f = project(e)
    …the same again, with other channels, between other nodes

After::

    f = block(a)    …block(…)

The unit that repeats is all that only its last node depends on, as far as the uses agree.
It may read several values (a pyramid's merge reads coarse and fine features) and gives one.
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
from tflite2torch.converter.structure.blocks import LARGEST, depths, fold, make_block
from tflite2torch.converter.structure.structure import (
    Block,
    Structure,
    is_activation,
    is_join,
    is_layer,
    is_same_padding,
    node_structure,
)

NEIGHBOURS = 12
"""With how many of the next nodes of its structure a node is compared: what repeats, repeats
near by, and a file of thousands of equal nodes must not take minutes."""

MOST_PAIRS = 10_000
"""How many pairs of nodes go together in one file; official ones need a tenth of that."""

WORTH_A_CUT = 8
"""How many blocks a unit has to save, over all uses, to take them away from their stage."""

Unit = tuple[Node, ...]
"""The nodes of one use; the last one gives its result."""

Pair = tuple[Structure, tuple[Unit, Unit]]
"""What two uses have in common, and both of them."""


def find_repeats(graph: Graph) -> Rewrites:
    """Put blocks in the place of units that repeat, the weightiest first."""
    found = Rewrites()
    budget = [MOST_PAIRS]
    orders: dict[Structure, list[int]] = {}
    while budget[0] > 0 and (units := _best_units(graph, budget)):
        inner = _dissolving(graph, units)
        blocks = []
        for unit in units:
            members = [n for node in unit for n in _members(node, inner)]
            blocks.append(make_block(members, unit[-1].outputs[0]))
        # Of later uses too: one class reads its values in one order.
        order = orders.setdefault(blocks[0].key, _entry_order(graph, blocks[0]))
        for unit, block in zip(units, blocks, strict=True):
            block.inputs = [block.inputs[i] for i in order]
            fold(graph.nodes, unit, block)
        found.count += len(units)
    return found


def _members(node: Node, inner: bool) -> list[Node]:
    return node.body if inner and isinstance(node, Block) else [node]


def _entry_order(graph: Graph, block: Block) -> list[int]:
    """Let a block that adds what it reads take first what has passed the most layers."""
    order = list(range(len(block.inputs)))
    if any(map(is_join, block.body)):
        depth = depths(graph)
        order.sort(key=lambda i: depth.get(block.inputs[i], (0, 0)), reverse=True)
    return order


def _dissolving(graph: Graph, units: Sequence[Unit]) -> bool:
    """Whether units are blocks that stand nowhere else: these need no class of their own."""
    if not all(isinstance(node, Block) for unit in units for node in unit):
        return False
    within = {node for unit in units for node in unit}
    kinds = {node_structure(node) for node in units[0]}
    return not any(
        node_structure(node) in kinds for node in graph.nodes if node not in within
    )


def _best_units(graph: Graph, budget: list[int]) -> list[Unit]:
    search = _Search(graph, budget)
    found: dict[Structure, list[Unit]] = {}
    for key, pair in search.pairs():
        uses = found.setdefault(key, [])
        uses += [new for new in pair if all(set(new).isdisjoint(use) for use in uses)]
    worthy = [
        uses
        for uses in found.values()
        if _is_worth_a_class(uses)
        and (cut := max(map(search.cut, uses))) * (len(uses) - 1)
        >= WORTH_A_CUT * (cut > 0)
    ]
    return max(worthy, key=_weight, default=[])


def _is_worth_a_class(uses: Sequence[Unit]) -> bool:
    layers = sum(is_layer(node) for node in uses[0])
    joins = any(is_join(node) for node in uses[0])
    least = 1 if joins and _resizes(uses[0]) else 2 if joins or len(uses) > 2 else 3
    return len(uses) > 1 and layers >= least


def _weight(uses: Sequence[Unit]) -> int:
    layers = sum(is_layer(node) for node in uses[0])
    return (len(uses) - 1) * (10 * layers + len(uses[0]))


def _resizes(nodes: Iterable[Node]) -> bool:
    return any(isinstance(node, Resize) for node in nodes)


class _Search:
    """Finds pairs of equal units in one graph, as it stands when it is made.

    ``budget`` holds how many pairs of nodes may still go together.
    """

    def __init__(self, graph: Graph, budget: list[int]) -> None:
        self._budget = budget
        self._nodes = graph.nodes
        self._place = {node: place for place, node in enumerate(graph.nodes)}
        self._producers = graph.producers()
        self._users = graph.users()
        self._outputs = set(graph.outputs)
        self._kind = {node: node_structure(node) for node in graph.nodes}

    def pairs(self) -> Iterator[Pair]:
        """Yield the largest equal units that end in each two nodes of one structure.

        Later ends come first: what lies in the same place of a larger pair needs no second
        look.
        """
        ends: dict[Structure, list[Node]] = {}
        for node in reversed(self._nodes):
            if self._may_end(node):
                ends.setdefault(self._kind[node], []).append(node)
        seen: set[tuple[Node, Node]] = set()
        for nodes in ends.values():
            for index, second in enumerate(nodes):
                for first in nodes[index + 1 : index + 1 + NEIGHBOURS]:
                    if (first, second) in seen or self._budget[0] <= 0:
                        continue
                    pairs = self._grown(first, second)
                    self._budget[0] -= len(pairs)
                    seen.update(pairs.items())
                    yield from self._units(pairs)
                    if self._trim(pairs, lambda node: isinstance(node, Block)):
                        yield from self._units(pairs)

    def cut(self, unit: Unit) -> int:
        """Return how many blocks a unit takes away from the stage that they follow on."""
        blocks = list(takewhile(lambda node: isinstance(node, Block), unit))
        before = self._producers.get(unit[0].inputs[0])
        if before is None or not self._continues(before, unit[0]):
            return 0
        return len(blocks) if self._readers(before) == [unit[0]] else 0

    def _readers(self, node: Node) -> list[Node]:
        """Return what reads a node's result, beyond the padding of a convolution."""
        found: list[Node] = []
        for reader in self._users.get(node.outputs[0], []):
            found += self._readers(reader) if self._is_own(reader) else [reader]
        return found

    def _is_own(self, node: Node) -> bool:
        """Whether it is the padding of one layer, which goes where that goes."""
        value = node.outputs[0]
        alone = len(self._users.get(value, [])) == 1 and value not in self._outputs
        return is_same_padding(node) and alone

    def _may_end(self, node: Node) -> bool:
        """Whether a unit may end here: no layer without its activation, no half run."""
        readers = self._readers(node)
        if len(node.outputs) != 1 or self._is_own(node):
            return False
        if len(readers) != 1 or node.outputs[0] in self._outputs:
            return True
        return not (is_activation(readers[0]) or self._continues(node, readers[0]))

    def _continues(self, node: Node, reader: Node) -> bool:
        """Whether two nodes are blocks of one structure, one after the other."""
        return isinstance(node, Block) and self._kind[node] == self._kind[reader]

    def _grown(self, first: Node, second: Node) -> dict[Node, Node]:
        """Pair what only these two depend on, as far as both agree.

        What is nearer to the end comes first: all that reads a node has been looked at by
        the time the node is.
        """
        pairs: dict[Node, Node] = {first: second}
        taken = {first, second}
        waiting = self._operands(first, second)
        joins = is_join(first)
        while waiting and len(pairs) < LARGEST:
            _, _, p, q = heappop(waiting)
            trunk = joins and isinstance(p, Block) and any(map(is_join, p.body))
            # What a pyramid's merge reads, and refines what it gives, are stages.
            if trunk or p in taken or q in taken or not self._agree(p, q, pairs):
                continue
            pairs[p] = q
            taken |= {p, q}
            joins = joins or is_join(p)
            for candidate in self._operands(p, q):
                heappush(waiting, candidate)
        self._trim(pairs, is_activation)
        return pairs

    def _operands(self, one: Node, other: Node) -> list[tuple[int, int, Node, Node]]:
        """Return what gives the operands of two nodes, by where it stands from the end."""
        givers = [
            (self._giver(a), self._giver(b))
            for a, b in zip(one.inputs, other.inputs, strict=True)
        ]
        return sorted(
            (-self._place[p], -self._place[q], p, q)
            for p, q in givers
            if p is not None and q is not None and p is not q
        )

    def _giver(self, value: Value) -> Node | None:
        """Return what gives a value, before the padding of a convolution."""
        node = self._producers.get(value)
        while node is not None and self._is_own(node):
            node = self._producers.get(node.inputs[0])
        return node

    def _agree(self, p: Node, q: Node, pairs: dict[Node, Node]) -> bool:
        """Whether two nodes may go with a pair of units: all that reads them is in."""
        if self._kind[p] != self._kind[q] or len(p.outputs) > 1:
            return False
        if not self._outputs.isdisjoint([*p.outputs, *q.outputs]):
            return False
        readers = self._readers(p), self._readers(q)
        return [pairs.get(node) for node in readers[0]] == readers[1]

    def _trim(self, pairs: dict[Node, Node], leave: Callable[[Node], bool]) -> bool:
        """Take nodes at the beginning out, as long as they are such; say if any was."""
        whole = len(pairs)
        trims = True
        while trims and len(pairs) > 1:
            first = [
                node
                for node in pairs
                if leave(node) and all(self._giver(v) not in pairs for v in node.inputs)
            ]
            trims = bool(first)
            for node in first:
                del pairs[node]
        return len(pairs) < whole

    def _units(self, pairs: dict[Node, Node]) -> Iterator[Pair]:
        """Yield the units of a pairing, in the graph's order, if they may be one class."""
        units = self._ordered(pairs), self._ordered(pairs.values())
        kinds = [self._kind[node] for node in units[0] if not self._is_own(node)]
        if len(kinds) < 2 or _is_run(kinds, units[0]):
            return
        one, other = (make_block(unit, unit[-1].outputs[0]).key for unit in units)
        if one == other:
            yield one, units

    def _ordered(self, nodes: Iterable[Node]) -> Unit:
        """Return nodes with the padding of their convolutions, in the graph's order."""
        whole = dict.fromkeys(nodes)
        for node in list(whole):
            for value in node.inputs:
                before = self._producers.get(value)
                if before is not None and self._is_own(before):
                    whole[before] = None
        return tuple(sorted(whole, key=self._place.__getitem__))


def _is_run(kinds: list[Structure], unit: Unit) -> bool:
    """Whether a unit is a smaller one several times over, or a stage's blocks."""
    length = len(kinds)
    if all(isinstance(node, Block) for node in unit) and len(set(kinds)) < length:
        return True
    return any(
        length % period == 0 and kinds == kinds[:period] * (length // period)
        for period in range(1, length // 2 + 1)
    )
