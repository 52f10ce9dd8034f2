"""Structural equality: which groups of nodes can share one class.

The structure of nodes is their kinds, their order, and how they are connected. Integers may
differ, for they become arguments of the class. Optional steps may be missing: pooling, padding
or slicing on a shortcut, padding before a convolution, and the residual add of a known chain
of layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import is_number
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.traversal import producers_of, users_of
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.budgets import BUDGETS
from tflite2torch.converter.structure.structure import (
    Block,
    Chain,
    Skipped,
    Stage,
    Structure,
    is_residual_add,
    is_window_padding,
)


def structure_of(nodes: Sequence[Node], chains: Sequence[Chain]) -> tuple[list[Value], Structure]:
    """Return the values that nodes read from outside, and the structure of the nodes.

    Values are in the order in which the structure numbers them, the same for all groups of
    that structure. Nodes are in topological order.
    """
    producers = producers_of(nodes)
    optional = optional_steps(nodes, chains)
    # Optional steps come last: nodes that lack them must number the same values in the same
    # order. They may read values of their own, as a shortcut's add does.
    ordered = [n for n in nodes if n not in optional] + list(optional)
    read = [_skipping(v, producers, optional) for n in ordered for v in n.inputs]
    entries = list(dict.fromkeys(v for v in read if v.data is None and v not in producers))
    # Each value is described by where it first appears: as an entry, as the result of a
    # step, or as a constant operand. Equal descriptions then mean equal connections.
    position: dict[Value, object] = {v: f"entry {i}" for i, v in enumerate(entries)}
    described: list[object] = []
    for node in nodes:
        if node in optional:
            continue
        index = len(described)
        reads: list[object] = []
        for place, operand in enumerate(node.inputs):
            value = _skipping(operand, producers, optional)
            if value not in position:
                position[value] = _constant(node, value, (index, place))
            reads.append(position[value])
        position.update({v: (index, i) for i, v in enumerate(node.outputs)})
        described.append((node_structure(node), tuple(reads)))
    return entries, tuple(described)


def _skipping(
    value: Value, producers: Mapping[Value, Node], optional: Mapping[Node, Value]
) -> Value:
    """Return the value that remains once the optional steps before it are bypassed."""
    while (node := producers.get(value)) is not None and node in optional:
        value = optional[node]
    return value


def node_structure(node: Node) -> Structure:
    """Return the structure of one node."""
    match node:
        case Block():
            return node.key
        case Stage():
            return ("stage", *(block.key for block in node.blocks))
        case Skipped():
            return node_structure(node.other)
    code = node.layer() or node.code()
    arguments = tuple((name, _kind(value)) for name, value in code.arguments.items())
    # Windows that tile the image, 1x1 at stride 1 or 2x2 at stride 2, differ in numbers.
    variant = "pointwise" if node.variant == "patch" else node.variant
    outline = (code.template, arguments)
    return (type(node).__name__, variant, outline, node.comment)


def _kind(value: Literal) -> object:
    """Return an argument with every integer replaced by ``int``."""
    if isinstance(value, tuple):
        return tuple(_kind(item) for item in value)
    if isinstance(value, slice):
        return "slice", _kind((value.start, value.stop, value.step))
    return int if type(value) is int else repr(value)


def _constant(node: Node, value: Value, first: tuple[int, int]) -> Structure:
    """Return the key of a constant; ``first`` is the operand that reads it first.

    A single number is written out in the source, so its value is part of the key. ``first``
    distinguishes one constant that two steps share from two constants.
    """
    if value.data is not None and is_number(node, value):
        return ("number", value.dtype, value.data.tobytes())
    return ("constant", value.dtype, value.rank, first)


def optional_steps(nodes: Sequence[Node], chains: Sequence[Chain]) -> dict[Node, Value]:
    """Map each optional step to the operand that bypasses it."""
    producers, users = producers_of(nodes), users_of(nodes)
    reads = Counter({value: len(readers) for value, readers in users.items()})
    optional: dict[Node, Value] = {}
    for node in nodes:
        if isinstance(node, Skipped) or _pads_a_convolution(node, users):
            optional[node] = node.inputs[0]
        if is_residual_add(node):
            for value in node.inputs:
                steps = shortcut(value, producers, reads)
                optional |= {step: step.inputs[0] for step in steps}
    if nodes and _is_chain_with_shortcut(nodes, chains):
        optional[nodes[-1]] = nodes[-1].inputs[0]
    return optional


def _pads_a_convolution(node: Node, users: Mapping[Value, list[Node]]) -> bool:
    """Return whether a node pads for one convolution, which cannot pad so by itself."""
    if not is_window_padding(node):
        return False
    readers = users.get(node.outputs[0], [])
    return len(set(readers)) == 1 and isinstance(readers[0], Conv2d)


def _is_chain_with_shortcut(nodes: Sequence[Node], chains: Sequence[Chain]) -> bool:
    """Return whether nodes are a known chain and a residual add of its input."""
    *body, last = nodes
    return (
        is_residual_add(last)
        and last.inputs[1:] == nodes[0].inputs[:1]
        and any(chain.shortcut and chain.matches(body) for chain in chains)
    )


def shortcut(
    value: Value, producers: Mapping[Value, Node], reads: Counter[Value]
) -> Iterator[Node]:
    """Yield the nodes of a shortcut path ending in a value, last first.

    Yields nothing if it is not a plain shortcut: if a node on the path does more than change
    the shape, is read elsewhere too, or if there are more than ``BUDGETS.shortcut_steps``.
    """
    found: list[Node] = []
    while (node := producers.get(value)) is not None:
        full = len(found) == BUDGETS.shortcut_steps
        if full or not _makes_fit(node) or reads[value] != 1:
            return
        found.append(node)
        (value,) = node.inputs
    yield from found


def _makes_fit(node: Node) -> bool:
    """Return whether a node only changes a shortcut's shape: it pools, pads or slices."""
    if isinstance(node, Pad):
        return node.of_window or (type(node) is Pad and node.value == 0)
    return isinstance(node, Pool2d | Slice)
