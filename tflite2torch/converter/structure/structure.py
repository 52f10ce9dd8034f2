"""Blocks and stages, and what can be asked of the nodes that they are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, PRelu
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.traversal import operands
from tflite2torch.converter.graph.value import Shape

Structure = tuple[object, ...]
"""What nodes have in common that one class, or one line of source, can stand for."""


@dataclass(eq=False, repr=False)
class Block(Node):
    """Nodes that are one module.

    Attributes:
        body: its nodes; their order is the same in all blocks of one structure.
        key: its structure when it was found. Later steps rewrite all bodies of one
            structure alike, so that it goes on telling which class the block is a use of.
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
    """Stands for an optional step that this use of a class lacks; gives its first operand.

    ``other`` is the step in another use.
    """

    other: Node

    def infer(self) -> list[Shape]:
        return [self.inputs[0].shape]


@dataclass(frozen=True)
class Chain:
    """A known chain of layers that is a block also where no shortcut shows it.

    Attributes:
        layers: how many layers it has.
        shortcut: whether some uses of its class add what enters it to its result. Then the
            addition is an optional step of the class.
        matches: tells whether nodes, each the only user of the one before, are one.
    """

    layers: int
    shortcut: bool
    matches: Callable[[Sequence[Node]], bool]


def is_activation(node: Node) -> bool:
    """Return whether a node applies a function of one variable to each element."""
    return isinstance(node, PRelu) or (
        isinstance(node, Elementwise) and len(node.inputs) == 1
    )


def is_layer(node: Node) -> bool:
    """Return whether a node has weights, activations aside, or is a block or a stage."""
    return bool(node.inner) or (bool(node.parameters) and not isinstance(node, PRelu))


def is_residual_add(node: Node) -> bool:
    """Return whether a node is a residual add: the sum of two computed values."""
    return (
        isinstance(node, Elementwise)
        and node.function == "add"
        and len(operands(node)) == 2
    )


def is_window_padding(node: Node) -> bool:
    """Return whether a node pads for a layer that cannot pad so by itself."""
    return isinstance(node, Pad) and node.of_window


def uses_of_classes(nodes: Sequence[Node]) -> dict[Structure, list[Block]]:
    """Group all blocks by their structure, inner ones before those that hold them."""
    uses: dict[Structure, list[Block]] = {}
    for node in nodes:
        for key, inner in uses_of_classes(node.inner).items():
            uses.setdefault(key, []).extend(inner)
        if isinstance(node, Block):
            uses.setdefault(node.key, []).append(node)
    return uses
