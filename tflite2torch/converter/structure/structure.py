"""Block and Stage nodes, and predicates on nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, PRelu
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.traversal import operands
from tflite2torch.converter.graph.value import Shape

Structure = tuple[object, ...]
"""A hashable key, equal for nodes that one class, or one line of source, can stand for."""


@dataclass(eq=False, repr=False)
class Block(Node):
    """Nodes that are one module.

    Attributes:
        body: its nodes; their order is the same in all blocks of one structure.
        key: structural key; equal for all uses of one class. It is kept although later
            passes rewrite bodies, for they rewrite all bodies of one key alike.
    """

    body: list[Node]
    key: Structure = ()

    @property
    def inner(self) -> Sequence[Node]:
        return self.body


@dataclass(eq=False, repr=False)
class Stage(Node):
    """Blocks one after the other: an ``nn.Sequential``."""

    blocks: list[Block]

    @property
    def inner(self) -> Sequence[Node]:
        return self.blocks


@dataclass(eq=False, repr=False)
class Skipped(Node):
    """Placeholder for an optional step that this use lacks; passes its first operand through.

    ``other`` is the step in another use of the class.
    """

    other: Node

    def infer(self) -> list[Shape]:
        return [self.inputs[0].shape]


@dataclass(frozen=True)
class Chain:
    """A known chain of layers that is a block even without a shortcut.

    Attributes:
        layers: how many layers it has.
        shortcut: whether some uses of its class add their input to their result. The
            addition is then an optional step of the class.
        matches: returns whether nodes, each the only user of the one before, are this chain.
    """

    layers: int
    shortcut: bool
    matches: Callable[[Sequence[Node]], bool]


def is_activation(node: Node) -> bool:
    """Return whether a node applies a function of one variable to each element."""
    return isinstance(node, PRelu) or (isinstance(node, Elementwise) and len(node.inputs) == 1)


def is_layer(node: Node) -> bool:
    """Return whether a node has weights, activations aside, or is a block or a stage."""
    return bool(node.inner) or (bool(node.parameters) and not isinstance(node, PRelu))


def is_residual_add(node: Node) -> bool:
    """Return whether a node is a residual add: the sum of two computed values."""
    return isinstance(node, Elementwise) and node.function == "add" and len(operands(node)) == 2


def is_window_padding(node: Node) -> bool:
    """Return whether a node is padding that the layer after it cannot do by itself."""
    return isinstance(node, Pad) and node.of_window


def uses_of_classes(nodes: Sequence[Node]) -> dict[Structure, list[Block]]:
    """Group all blocks by their key, inner blocks before those that hold them."""
    uses: dict[Structure, list[Block]] = {}
    for node in nodes:
        for key, inner in uses_of_classes(node.inner).items():
            uses.setdefault(key, []).extend(inner)
        if isinstance(node, Block):
            uses.setdefault(node.key, []).append(node)
    return uses
