"""What is the same for nodes that one class, or one line of source, can stand for.

Numbers may differ, and so may optional steps: what a shortcut does besides passing on, the
padding before a strided convolution, and the shortcut of an inverted bottleneck, which has
one only where the shape stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, PRelu, is_number
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.value import Value

Structure = tuple[object, ...]

LONGEST_SHORTCUT = 4
"""How many steps without weights a shortcut has at most."""


@dataclass(eq=False, repr=False)
class Block(Node):
    """Nodes that are one module.

    Attributes:
        body: its steps; their order is the same in all blocks of one structure.
        key: its structure when it was found: what is the same for blocks that one class can
            stand for. Later passes rewrite all bodies of one structure alike.
    """

    body: list[Node]
    key: Structure = field(init=False)

    def __post_init__(self) -> None:
        self.key = structure_of(self.body)

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
    """An optional step that this use of a class lacks: it passes its first operand on.

    ``other`` is the step as another use has it.
    """

    other: Node


def operands(node: Node) -> list[Value]:
    """Return the distinct computed values that a node reads."""
    return list(dict.fromkeys(v for v in node.inputs if v.data is None))


def is_activation(node: Node) -> bool:
    """Whether a node belongs to the layer before it."""
    return isinstance(node, PRelu) or (
        isinstance(node, Elementwise) and len(node.inputs) == 1
    )


def is_layer(node: Node) -> bool:
    """Whether a node is what a network is told by: it has weights, or holds what has."""
    if isinstance(node, Block | Stage):
        return True
    return bool(node.parameters) and not isinstance(node, PRelu)


def entries_of(nodes: Sequence[Node]) -> list[Value]:
    """Return what nodes in a row read from outside, in the order that their structure has.

    Optional steps have no say in it: other uses of the class lack them.
    """
    producers = {value: node for node in nodes for value in node.outputs}
    optional = optional_steps(nodes)
    ordered = [n for n in nodes if n not in optional] + list(optional)
    values = [_passed_on(v, producers, optional) for n in ordered for v in n.inputs]
    return list(
        dict.fromkeys(v for v in values if v.data is None and v not in producers)
    )


def structure_of(nodes: Sequence[Node]) -> Structure:
    """Return what is the same for nodes in a row: all but numbers and optional steps."""
    producers = {value: node for node in nodes for value in node.outputs}
    optional = optional_steps(nodes)
    position: dict[Value, object] = {
        value: f"entry {place}" for place, value in enumerate(entries_of(nodes))
    }
    described: list[object] = []
    for node in nodes:
        if node in optional:
            continue
        index = len(described)
        reads: list[object] = []
        for place, operand in enumerate(node.inputs):
            value = _passed_on(operand, producers, optional)
            if value not in position:
                position[value] = _constant(node, value, (index, place))
            reads.append(position[value])
        position.update({v: (index, i) for i, v in enumerate(node.outputs)})
        described.append((node_structure(node), tuple(reads)))
    return tuple(described)


def _passed_on(
    value: Value, producers: dict[Value, Node], optional: dict[Node, Value]
) -> Value:
    """Return what a value is where the optional steps that give it are left out."""
    while (node := producers.get(value)) in optional:
        value = optional[node]
    return value


def node_structure(node: Node) -> Structure:
    """Return what is the same for nodes that one line of source can stand for."""
    match node:
        case Block():
            return node.key
        case Stage():
            return ("stage", *(block.key for block in node.blocks))
        case Skipped():
            return node_structure(node.other)
    code = node.layer() or node.code()
    # Windows that tile the image, 1x1 at stride 1 or 2x2 at stride 2, differ in numbers.
    variant = "pointwise" if node.variant == "patch" else node.variant
    return (type(node).__name__, variant, _outline(code), node.comment)


def _outline(code: Code) -> Structure:
    kinds = tuple((name, _kind(value)) for name, value in code.arguments.items())
    return (code.template, kinds)


def _kind(value: Literal) -> object:
    """Integers may differ between the uses of a class; everything else may not."""
    if isinstance(value, tuple):
        return tuple(_kind(item) for item in value)
    if isinstance(value, slice):
        return "slice", _kind((value.start, value.stop, value.step))
    return int if type(value) is int else repr(value)


def _constant(node: Node, value: Value, first: tuple[int, int]) -> Structure:
    """Describe a constant; ``first`` tells apart those that are read in several places."""
    if value.data is not None and is_number(node, value):
        return ("number", value.dtype, value.data.tobytes())
    return ("constant", value.dtype, value.rank, first)


def optional_steps(nodes: Sequence[Node]) -> dict[Node, Value]:
    """Map the steps that another use of a class may lack to what they then pass on."""
    producers = {value: node for node in nodes for value in node.outputs}
    readers = Counter(value for node in nodes for value in node.inputs)
    optional: dict[Node, Value] = {}
    for node in nodes:
        if isinstance(node, Skipped) or _pads_a_convolution(node, nodes):
            optional[node] = node.inputs[0]
        if is_join(node):
            for value in node.inputs:
                optional |= {
                    n: n.inputs[0] for n in shortcut(value, producers, readers)
                }
    if nodes and _is_inverted_residual(nodes):
        optional[nodes[-1]] = nodes[-1].inputs[0]
    return optional


def is_join(node: Node) -> bool:
    """Whether a node adds a shortcut."""
    return (
        isinstance(node, Elementwise)
        and node.function == "add"
        and len(operands(node)) == 2
    )


def is_same_padding(node: Node) -> bool:
    """Whether it is what TFLite's SAME pads."""
    return isinstance(node, Pad) and node.same


def _pads_a_convolution(node: Node, nodes: Sequence[Node]) -> bool:
    """Whether it is TFLite's padding of the convolution that follows."""
    if not is_same_padding(node):
        return False
    readers = [other for other in nodes if node.outputs[0] in other.inputs]
    return len(readers) == 1 and isinstance(readers[0], Conv2d)


def shortcut(
    value: Value, producers: dict[Value, Node], readers: Counter[Value]
) -> Iterator[Node]:
    """Yield what leads from an entry to a value, backwards, if nothing there has weights."""
    found: list[Node] = []
    while (node := producers.get(value)) is not None:
        if not _passes_on(node) or readers[value] != 1:
            return
        if len(found) == LONGEST_SHORTCUT:
            return
        found.append(node)
        (value,) = node.inputs
    yield from found


def _passes_on(node: Node) -> bool:
    """Whether a step is one of those that make a shortcut's shape fit, and nothing more."""
    if isinstance(node, Pad):
        return node.same or (type(node) is Pad and node.value == 0)
    return isinstance(node, Pool2d | Slice)


def _is_inverted_residual(nodes: Sequence[Node]) -> bool:
    """Whether it is MobileNetV2's block, whose shortcut stands where the shape stays."""
    entry, last = nodes[0].inputs[:1], nodes[-1]
    return is_join(last) and last.inputs[1:] == entry and is_inverted(nodes[:-1])


def is_inverted(nodes: Sequence[Node]) -> bool:
    """Whether layers expand, convolve each channel by itself, and project."""
    layers = [node for node in nodes if is_layer(node) and not isinstance(node, Block)]
    if [node.variant for node in layers] != ["pointwise", "depthwise", "pointwise"]:
        return False
    if nodes[0] is not layers[0] or nodes[-1] is not layers[-1]:
        return False
    wide, narrow = (layers[i].parameters["weight"].shape[0] for i in (0, 2))
    return layers[0].parameters["weight"].shape[1] < wide > narrow


def uses_of_classes(nodes: Sequence[Node]) -> dict[Structure, list[Block]]:
    """Group all blocks by their structure, inner ones before those that hold them."""
    uses: dict[Structure, list[Block]] = {}
    for node in nodes:
        for block in node.blocks if isinstance(node, Stage) else [node]:
            if isinstance(block, Block):
                for key, inner in uses_of_classes(block.body).items():
                    uses.setdefault(key, []).extend(inner)
                uses.setdefault(block.key, []).append(block)
    return uses
