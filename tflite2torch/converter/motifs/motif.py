"""Motif, and the Traits that motifs match on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, PRelu
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.traversal import operands
from tflite2torch.converter.motifs.layers import layer_roles
from tflite2torch.converter.structure.structure import (
    Block,
    Chain,
    Skipped,
    Stage,
    Structure,
    is_residual_add,
)


@dataclass(frozen=True)
class Traits:
    """The properties of a class of blocks that motifs match on.

    Attributes:
        nodes: the steps; for a placeholder, the optional step that it stands for.
        layers: the names of the layers with weights.
        blocks: the names of the motifs of the blocks inside.
        entries: how many values a block reads.
    """

    nodes: Sequence[Node]
    layers: tuple[str, ...]
    blocks: tuple[str, ...]
    entries: int

    @classmethod
    def of(cls, uses: Sequence[Block], motifs: Mapping[Structure, Motif]) -> Traits:
        """Return the traits of a class, given its uses and the motifs of inner classes."""
        roles = layer_roles(uses)
        body = uses[0].body
        inner = [b for n in body for b in (n.blocks if isinstance(n, Stage) else [n])]
        return cls(
            [node.other if isinstance(node, Skipped) else node for node in body],
            tuple(roles[n] for n in body if n.parameters and not isinstance(n, PRelu)),
            tuple(motifs[b.key].name for b in inner if isinstance(b, Block)),
            len(uses[0].inputs),
        )

    def has(self, *kinds: type[Node]) -> bool:
        """Return whether a step is of one of these types."""
        return any(isinstance(node, kinds) for node in self.nodes)

    def computes(self, function: str, operand_count: int = 1) -> bool:
        """Return whether a step is this function of ``operand_count`` distinct computed values."""
        return any(
            isinstance(node, Elementwise)
            and node.function == function
            and len(operands(node)) == operand_count
            for node in self.nodes
        )

    def is_row(self, *layers: str, shortcut: bool) -> bool:
        """Return whether a block with one input has just these layers, and a shortcut or none."""
        same = self.layers == layers and self.entries == 1
        return same and self.joins == shortcut

    @property
    def joins(self) -> bool:
        """Whether there is a residual add."""
        return any(map(is_residual_add, self.nodes))

    @property
    def gates(self) -> bool:
        """Whether pooled features pass a sigmoid, as in squeeze-and-excitation."""
        return self.has(Pool2d, Reduce) and self.computes("sigmoid")

    @property
    def scales(self) -> bool:
        """Whether two computed values are multiplied."""
        return self.computes("mul", 2)


@dataclass(frozen=True)
class Motif:
    """A known kind of block.

    Attributes:
        name: the name of its class.
        role: the name of an attribute that holds one.
        fits: returns whether a class of blocks is of this kind.
        text: the class's docstring; empty where a list of its layers says as much.
        chain: its layers, if it is a block even without a shortcut.
        role_among: replaces ``role`` inside another block's class: returns the role, given
            the inner block and all steps of that class.
    """

    name: str
    role: str
    fits: Callable[[Traits], bool]
    text: str = ""
    chain: Chain | None = None
    role_among: Callable[[Block, Sequence[Node]], str] | None = None
