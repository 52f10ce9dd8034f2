"""Fill in optional steps that a use lacks with Skipped, so that all uses have equal length.

Before, in a block and in another one of its structure::

    b = pool(a)    d = conv(a)    e = add(d, b)
                   d = conv(a)    e = add(d, a)

After::

    b = pool(a)       d = conv(a)    e = add(d, b)
    b = skipped(a)    d = conv(a)    e = add(d, b)

The steps of all uses then have the same positions, and the class can make each optional step
depend on a condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.traversal import producers_of
from tflite2torch.converter.structure.equivalence import (
    node_structure,
    optional_steps,
)
from tflite2torch.converter.structure.structure import (
    Block,
    Chain,
    Skipped,
    is_residual_add,
    uses_of_classes,
)


def align_variants(graph: Graph, chains: Sequence[Chain]) -> Rewrites:
    """Make the bodies of each structure equal, step by step; count the placeholders."""
    for blocks in uses_of_classes(graph.nodes).values():
        uses = [_Use.of(block, chains) for block in blocks]
        # The chains at one position of all uses are merged to one with the steps of all.
        columns = zip(*(use.chains for use in uses), strict=True)
        whole = [reduce(_merged, steps) for steps in columns]
        for use in uses:
            use.complete(whole)
    return Rewrites(_count_skipped(graph.nodes))


def _count_skipped(nodes: Sequence[Node]) -> int:
    return sum(isinstance(n, Skipped) + _count_skipped(n.inner) for n in nodes)


@dataclass
class _Use:
    """A block, split into steps that every use has and optional ones.

    Attributes:
        block: the block.
        steps: the nodes that every use has.
        chains: for each operand of each step, the optional steps that lead to it, in order
            of computation; the last entry leads to the block's result.
    """

    block: Block
    steps: list[Node]
    chains: list[list[Node]]

    @classmethod
    def of(cls, block: Block, chains: Sequence[Chain]) -> _Use:
        producers = producers_of(block.body)
        optional = optional_steps(block.body, chains)
        steps = [node for node in block.body if node not in optional]
        ends = [value for node in steps for value in node.inputs] + block.outputs
        before = []
        for value in ends:
            found: list[Node] = []
            while (node := producers.get(value)) in optional:
                assert node is not None  # None is never among them
                found.insert(0, node)
                value = optional[node]
            before.append(found)
        return cls(block, steps, before)

    def complete(self, whole: Sequence[Sequence[Node]]) -> None:
        """Rebuild the block's body, with placeholders for the steps that it lacks.

        The order is that of ``make_block``: steps of shortcuts in front, others before the
        step that reads them, the optional step that computes the result last.
        """
        early: list[Node] = []
        body: list[Node] = []
        chains = zip(self.chains, whole, strict=True)
        for node in self.steps:
            for place in range(len(node.inputs)):
                chain = self._completed(*next(chains), node, place)
                (early if is_residual_add(node) else body).extend(chain)
            body.append(node)
        self.block.body = [*early, *body, *self._completed(*next(chains), None, 0)]

    def _completed(
        self,
        chain: Sequence[Node],
        whole: Sequence[Node],
        reader: Node | None,
        place: int,
    ) -> list[Node]:
        """Return a chain with placeholders, and connect it to its reader.

        Args:
            chain: the optional steps that this use has.
            whole: those that all uses have together.
            reader: the step that reads the chain's end; None for the block's result.
            place: which of the reader's operands that is.
        """
        rest = list(chain)
        end = self.block.outputs[0] if reader is None else reader.inputs[place]
        current = chain[0].inputs[0] if chain else end
        if whole and reader is None and not chain:
            # The block's result must stay the same value, for others read it. A placeholder
            # computes it now, so that the step that did so before needs a new output.
            current = replace(end)
            producer = next(node for node in self.steps if end in node.outputs)
            producer.outputs = [current if v is end else v for v in producer.outputs]
        completed: list[Node] = []
        for other in whole:
            if rest and node_structure(rest[0]) == node_structure(other):
                step = rest.pop(0)
                step.inputs[0] = current
            else:
                # A shortcut's add has a second operand: what enters the block.
                others = self.block.inputs[: len(other.inputs) - 1]
                step = Skipped([current, *others], [replace(current)], other)
            completed.append(step)
            current = step.outputs[0]
        if completed and reader is None:
            completed[-1].outputs = [end]
        elif reader is not None:
            reader.inputs[place] = current
        return completed


def _merged(one: Sequence[Node], other: Sequence[Node]) -> list[Node]:
    """Return the shortest chain that has the steps of both, in their order.

    Shortest common supersequence, by dynamic programming over the rests of both.
    """
    kinds = [node_structure(node) for node in one], [node_structure(n) for n in other]

    @cache
    def rest(i: int, j: int) -> list[Node]:
        if i == len(one) or j == len(other):
            return [*one[i:], *other[j:]]
        if kinds[0][i] == kinds[1][j]:
            return [one[i], *rest(i + 1, j + 1)]
        return min([one[i], *rest(i + 1, j)], [other[j], *rest(i, j + 1)], key=len)

    return rest(0, 0)
