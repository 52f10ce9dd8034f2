"""What the parts of a module are called: by role, by TFLite's name, by kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, PRelu, is_number
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.region import (
    TransformBilinear,
    TransformLandmarks,
)
from tflite2torch.converter.graph.nodes.shape import Expand, Permute, Rows
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.value import TO_NCHW, Value
from tflite2torch.converter.motifs.idioms import Idiom, kind_name, layer_roles
from tflite2torch.converter.naming.names import meaningful
from tflite2torch.converter.structure.structure import (
    Block,
    Skipped,
    Stage,
    Structure,
    is_join,
)

GENERIC = frozenset(
    """
    activation block blocks constant conv depthwise encoder excite expand gate grouped head
    lateral layer level linear merge mixer mlp norm pointwise project reduce separable stage stem
    """.split()
)
"""Roles that say what a part is, not what it gives."""


MOST_NAMES = 5
"""How many layers a docstring lists."""


def tflite_role(node: Node) -> str | None:
    """Return what TFLite's names say of a layer: of its result, or of its weights."""
    values = [*node.outputs, *node.parameters.values()]
    return next((role for v in values if (role := meaningful(v.name))), None)


def constants(node: Node) -> list[Value]:
    """Return the constant operands that a class has to keep: all but single numbers."""
    return [v for v in node.inputs if v.data is not None and not is_number(node, v)]


def _constant_role(node: Node, value: Value) -> str:
    """Return what a constant is called, by TFLite or by what a node does with it."""
    if own := meaningful(value.name):
        return own
    match node:
        case Expand() if value.order != TO_NCHW:
            return "token"
        case Elementwise(function="mul"):
            return "scale"
        case Elementwise(function="add" | "sub"):
            return "offset"
        case _:
            return "constant"


def is_generic(role: str) -> bool:
    """Whether a name says what a part is, or where it stands, not what it gives."""
    return role.rstrip("0123456789").rpartition("_")[2] in GENERIC


Idioms = Mapping[Structure, Idiom]
"""What the class of each block is called, by the blocks' structure."""


def model_roles(graph: Graph, idioms: Idioms) -> dict[Node | Value, str]:
    """Return names for the parts of a model: stem, stages, heads, or TFLite's own."""
    reached = reached_outputs(graph.nodes, graph.outputs)
    trunk = [i for i, node in enumerate(graph.nodes) if _is_trunk(node, idioms)]
    begin, end = (trunk[0], trunk[-1]) if trunk else (0, len(graph.nodes))
    gates = gating(graph.nodes)
    roles: dict[Node | Value, str] = {}
    for position, node in enumerate(graph.nodes):
        heads = _heads(graph, reached[node])
        for value in constants(node):
            roles.setdefault(value, prefixed(heads, _constant_role(node, value)))
        place = "stem" if position < begin else "head" if position > end else ""
        if isinstance(node, Block | Stage):
            roles[node] = _block_role(node, idioms, heads, place)
        elif node.layer() is not None:
            own = tflite_role(node) or (heads[0] if len(heads) == 1 else None)
            kind = "gate" if node in gates else kind_name(node) or "layer"
            if own:
                roles[node] = own
            elif place == "stem" and kind == "conv":
                roles[node] = "stem"
            else:
                roles[node] = f"{place}_{kind}".strip("_")
    return roles


def _is_trunk(node: Node, idioms: Idioms) -> bool:
    """Whether a part is one of those that the body of a network consists of."""
    if isinstance(node, Block):
        return idioms[node.key].role in ("block", "mixer")
    return isinstance(node, Stage)


def gating(nodes: Sequence[Node]) -> set[Node]:
    """Return the layers that give factors between 0 and 1 for other features."""
    producers = {value: node for node in nodes for value in node.outputs}
    gates: set[Node] = set()
    for node in nodes:
        if not isinstance(node, Elementwise) or node.function != "mul":
            continue
        for sigmoid in (producers.get(value) for value in node.inputs):
            if isinstance(sigmoid, Elementwise) and sigmoid.function == "sigmoid":
                layer = producers.get(sigmoid.inputs[0])
                gates |= {layer} if layer is not None and layer.parameters else set()
    return gates


def _block_role(
    node: Block | Stage, idioms: Idioms, heads: Sequence[str], place: str
) -> str:
    """Return what a part of blocks is called; what serves some outputs only, after them."""
    role = "stage" if isinstance(node, Stage) else idioms[node.key].role
    if role == "head" and len(heads) == 1:
        return heads[0]
    if role in ("block", "mixer"):
        role = "stage"
    elif place == "stem":
        role = f"stem_{role}"
    return prefixed(heads, role)


def prefixed(heads: Sequence[str], role: str) -> str:
    """Return a name after what the names of some outputs have in common."""
    columns = zip(*(head.split("_") for head in heads), strict=False)
    common = takewhile(lambda words: len(set(words)) == 1, columns)
    return "_".join([*(words[0] for words in common), role])


def _heads(graph: Graph, reached: set[Value]) -> list[str]:
    """Return the names of the outputs that depend on a node, unless all do.

    An output without a name of its own stands for the head that gives it.
    """
    if len(reached) == len(graph.outputs):
        return []
    named = zip(graph.outputs, graph.output_names, strict=True)
    names = [name for value, name in named if value in reached]
    return [re.sub(r"^output(\d*)$", r"head\1", name) for name in names]


def reached_outputs(
    nodes: Sequence[Node], outputs: Sequence[Value]
) -> dict[Node, set[Value]]:
    """Return which outputs depend on each node."""
    reached: dict[Value, set[Value]] = {value: {value} for value in outputs}
    of_node: dict[Node, set[Value]] = {}
    for node in reversed(nodes):
        of_node[node] = set().union(*(reached.get(v, set()) for v in node.outputs))
        for value in node.inputs:
            reached[value] = reached.get(value, set()) | of_node[node]
    return of_node


def block_roles(
    uses: Sequence[Block], nodes: Sequence[Node], idioms: Idioms
) -> dict[Node | Value, str]:
    """Return what a block's parts are called; ``nodes`` are the steps of its class."""
    layers = layer_roles(uses)
    gates = gating(nodes)
    roles: dict[Node | Value, str] = {}
    for node, first in zip(nodes, uses[0].body, strict=True):
        for value in constants(node):
            roles.setdefault(value, _constant_role(node, value))
        if node in gates and layers[first] == "pointwise":
            roles[node] = "gate"
        elif isinstance(node, Stage):
            roles[node] = "blocks"
        elif isinstance(node, Block):
            roles[node] = _inner_role(node, nodes, idioms)
        else:
            roles[node] = layers.get(first) or kind_name(node) or "layer"
    return roles


def _inner_role(block: Block, nodes: Sequence[Node], idioms: Idioms) -> str:
    """Return what a block inside another one is called: one of two MLPs, by its axis."""
    role = idioms[block.key].role
    if any(isinstance(node, Rows) for node in nodes):
        return "level"
    producers = {value: node for node in nodes for value in node.outputs}
    if role == "mlp" and any(isinstance(node, Permute) for node in nodes):
        across = isinstance(producers.get(block.inputs[0]), Permute)
        return "token_mlp" if across else "channel_mlp"
    return role


def block_description(uses: Sequence[Block], width: int, idioms: Idioms) -> list[str]:
    """Return a sentence on what a block does, or two where it is longer than ``width``."""
    if text := idioms[uses[0].key].text:
        return [text]
    chain = _chain(uses, idioms)
    steps = [n.other if isinstance(n, Skipped) else n for n in uses[0].body]
    if not any(map(is_join, steps)):
        return [f"{chain}."]
    how = _shortcut(uses)
    whole = f"{chain}, plus a shortcut{how.short}."
    if not how.short or len(whole) <= width:
        return [whole]
    return [f"{chain}, plus a shortcut.", f"The shortcut is {how.long}."]


def _chain(uses: Sequence[Block], idioms: Idioms) -> str:
    """Return what a block's layers are, or how many where that takes too long to say."""
    roles = layer_roles(uses)
    names = []
    for place, node in enumerate(uses[0].body):
        if isinstance(node, Stage):
            names.append("blocks")
        elif isinstance(node, Block):
            names.append(idioms[node.key].name)
        elif node.parameters and not isinstance(node, PRelu):
            names.append(roles[node] + _kernel([use.body[place] for use in uses]))
    chain = listed(names or ["activation"])
    if len(names) > MOST_NAMES:
        chain = f"{len(names)} layers, from {names[0]} to {names[-1]}"
    return chain[0].upper() + chain[1:]


def listed(words: Sequence[str]) -> str:
    """Return words as one lists them: ``a, b and c``."""
    first = ", ".join(words[:-1])
    return f"{first} and {words[-1]}" if first else words[-1]


def _kernel(convs: Sequence[Node]) -> str:
    """Return the size of a kernel, if it is more than a pixel and the same in all uses."""
    sizes = {node.window.kernel for node in convs if isinstance(node, Conv2d)}
    if len(sizes) != 1 or sizes == {(1, 1)}:
        return ""
    ((height, width),) = sizes
    return f" {height}x{width}"


class _How(NamedTuple):
    """What a shortcut is: as the end of a sentence on the block, and of one of its own."""

    short: str
    long: str


def _shortcut(uses: Sequence[Block]) -> _How:
    """Say what is done to a shortcut on the way, or when there is one."""
    steps = [node for use in uses for node in use.body]
    others = [node.other for node in steps if isinstance(node, Skipped)]
    if not all(isinstance(node, Pool2d | Pad | Slice) for node in others):
        return _How(" where the shape stays", "there where the shape stays")
    done = {
        "pooled": any(isinstance(node, Pool2d) for node in steps),
        "widened": any(isinstance(n, Pad) and not n.same for n in steps),
        "narrowed": any(isinstance(node, Slice) for node in steps),
    }
    kinds = [kind for kind, there in done.items() if there]
    if not kinds:
        return _How("", "")
    how = listed(kinds) + (" where needed" if others else "")
    return _How(f", {how}", how)


def operand_names(nodes: Sequence[Node], entries: Sequence[Value]) -> list[str]:
    """Return what the ``forward`` of a block calls the values that it reads."""
    names = ["x" if len(entries) < 3 else "x1"]
    joins = any(map(is_join, nodes))
    for number, value in enumerate(entries[1:], 2):
        readers = [node for node in nodes if value in node.inputs]
        if all(isinstance(n, TransformBilinear | TransformLandmarks) for n in readers):
            names.append("matrix")
        else:
            names.append("skip" if joins and len(entries) == 2 else f"x{number}")
    return names
