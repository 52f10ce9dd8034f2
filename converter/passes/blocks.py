"""Structure around a shortcut that repeats becomes blocks.

Before::

    b = depthwise(a)    c = pointwise(b)    d = add(a, c)    e = relu(d)    f = depthwise(e)

After::

    e = block(a)    f = block(e)

A block is what lies between a value and the node where the paths that leave it meet again,
if nothing inside is read from outside and there are weights in it, and the activation that
follows. It stays a block only where the model has another of the same structure, numbers
aside. Blocks inside blocks are found first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from converter.graph import Code, Graph, Literal, Node, Value
from converter.ops.elementwise import Elementwise, PRelu, is_number

LARGEST = 100
"""How many nodes a block holds at most: nobody reads a longer ``forward``."""


@dataclass(eq=False, repr=False)
class Block(Node):
    """Nodes that are one module: one operand, one result."""

    body: list[Node]


def find_blocks(graph: Graph) -> None:
    """Put blocks and stages in the place of the nodes that they are made of."""
    while candidates := _repeated(_regions(graph)):
        for block in candidates:
            fold(graph, block.body, block)


def fold(graph: Graph, members: list[Node], whole: Node) -> None:
    """Put one node in the place of the last of those that it is made of."""
    last = max(graph.nodes.index(node) for node in members)
    graph.nodes[last] = whole
    gone = set(members)
    graph.nodes = [node for node in graph.nodes if node not in gone]


def _repeated(blocks: list[Block]) -> list[Block]:
    """Return the blocks whose structure the model has more than once."""
    counts = Counter(structure(block) for block in blocks)
    return [block for block in blocks if counts[structure(block)] > 1]


def _regions(graph: Graph) -> list[Block]:
    """Return the innermost regions between a value and where its paths meet again."""
    producers, users = graph.producers(), graph.users()
    dominators = _dominators(graph, producers)
    taken: set[Node] = set()
    found: list[Block] = []
    for node in graph.nodes:
        if len(_operands(node)) < 2 or isinstance(node, Block):
            continue
        block = _region(node, dominators[node], producers, users, set(graph.outputs))
        if block is not None and taken.isdisjoint(block.body):
            taken.update(block.body)
            found.append(block)
    return found


def _operands(node: Node) -> list[Value]:
    """Return the distinct computed values that a node reads."""
    return list(dict.fromkeys(v for v in node.inputs if v.data is None))


def _dominators(graph: Graph, producers: dict[Value, Node]) -> dict[Node, Node | None]:
    """Map each node to the last one that every path to it passes; None is the input.

    The algorithm for acyclic graphs: the nearest common ancestor, in the tree of
    dominators, of what the node reads (Cooper, Harvey and Kennedy, 2001).
    """
    dominators: dict[Node, Node | None] = {}
    depth: dict[Node | None, int] = {None: 0}
    for node in graph.nodes:
        common: list[Node | None] = [producers.get(v) for v in _operands(node)] or [
            None
        ]
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
) -> Block | None:
    members, entries = _between(start, end, producers)
    weighty = any(node.parameters or isinstance(node, Block) for node in members)
    if len(entries) != 1 or not weighty:
        return None
    for activation in users.get(end.outputs[0], []):
        alone = len(users[end.outputs[0]]) == 1 and end.outputs[0] not in outputs
        if alone and is_activation(activation):
            members.append(activation)
    inner = set(members)
    for node in members[:-1]:
        for value in node.outputs:
            if value in outputs or not inner.issuperset(users.get(value, [])):
                return None
    (entry,) = entries
    last = members[-1]
    return Block([entry], list(last.outputs), members, operator=last.operator)


def _between(
    start: Node | None, end: Node, producers: dict[Value, Node]
) -> tuple[list[Node], set[Value]]:
    """Return what lies between, operands before what reads them, and where it begins.

    Nothing where that is more than a block may hold.
    """
    members: dict[Node, None] = {}
    entries: set[Value] = set()
    waiting = [end]
    while waiting and len(members) < LARGEST:
        node = waiting[-1]
        missing = []
        for value in _operands(node):
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


def is_activation(node: Node) -> bool:
    """Whether a node belongs to the layer before it."""
    return isinstance(node, PRelu) or (
        isinstance(node, Elementwise) and len(node.inputs) == 1
    )


Structure = tuple[object, ...]


def structure(block: Block) -> Structure:
    """Return what is the same for blocks that one class can stand for: all but numbers."""
    position: dict[Value, object] = {block.inputs[0]: "entry"}
    described: list[object] = []
    for index, node in enumerate(block.body):
        operands = tuple(
            position.setdefault(value, _constant(node, value, (index, place)))
            for place, value in enumerate(node.inputs)
        )
        position.update({v: (index, i) for i, v in enumerate(node.outputs)})
        described.append((node_structure(node), operands))
    return tuple(described)


def node_structure(node: Node) -> Structure:
    """Return what is the same for nodes that one line of source can stand for."""
    if isinstance(node, Block):
        return structure(node)
    code = node.layer() or node.code()
    return (type(node).__name__, node.variant, _outline(code), node.comment)


def _outline(code: Code) -> Structure:
    kinds = tuple((name, _kind(value)) for name, value in code.arguments.items())
    return (code.template, kinds)


def _kind(value: Literal) -> object:
    """Integers may differ between the uses of a class; everything else may not."""
    if isinstance(value, tuple):
        return tuple(_kind(item) for item in value)
    return int if type(value) is int else repr(value)


def _constant(node: Node, value: Value, first: tuple[int, int]) -> Structure:
    """Describe a constant; ``first`` tells apart those that are read in several places."""
    if value.data is not None and is_number(node, value):
        return ("number", value.dtype, float(value.data.reshape(())))
    return ("constant", value.dtype, value.rank, first)
