"""Attribute names of parts, from their role, the file or their kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, is_number
from tflite2torch.converter.graph.nodes.region import (
    TransformBilinear,
    TransformLandmarks,
)
from tflite2torch.converter.graph.nodes.shape import Expand, Rows
from tflite2torch.converter.graph.traversal import producers_of, users_of
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.motifs import MOTIFS
from tflite2torch.converter.motifs.layers import kind_name, layer_roles
from tflite2torch.converter.motifs.motif import Motif
from tflite2torch.converter.naming.tensor_names import role_in_name
from tflite2torch.converter.structure.structure import (
    Block,
    Stage,
    Structure,
    is_residual_add,
)

GENERIC = {motif.role for motif in MOTIFS} | set(
    """
    activation blocks constant conv depthwise expand grouped lateral layer level linear norm
    pointwise project reduce stage stem
    """.split()
)
"""Role words too generic to name a variable by."""

SIDES = {"left", "right", "upper", "lower"}

Motifs = Mapping[Structure, Motif]
"""The motif of each class, by the structure of its blocks."""


def layer_name(node: Node) -> str | None:
    """Return the role in the file's names of a layer's results or weights; None without one."""
    values = [*node.outputs, *node.parameters.values()]
    return next((role for v in values if (role := role_in_name(v.name))), None)


def constants(node: Node) -> list[Value]:
    """Return the constant operands that become attributes: all but single numbers."""
    return [v for v in node.inputs if v.data is not None and not is_number(node, v)]


def _constant_role(node: Node, value: Value) -> str:
    """Return the name of a constant operand: the file's own, or one for how it is used."""
    if own := role_in_name(value.name):
        return own
    match node:
        case Expand() if not value.image:
            return "token"
        case Elementwise(function="mul"):
            return "scale"
        case Elementwise(function="add" | "sub"):
            return "offset"
        case _:
            return "constant"


def is_generic(role: str) -> bool:
    """Return whether the last word of a name, without its number, is generic."""
    return role.rstrip("0123456789").rpartition("_")[2] in GENERIC


def model_roles(
    graph: Graph, motifs: Motifs, renamed: Mapping[str, str]
) -> dict[Node | Value, str]:
    """Return names for the parts of a model: the file's own, or stem, stage and head.

    ``renamed`` are new names for names of the file.
    """
    reached = graph.reached_outputs()
    trunk = [i for i, node in enumerate(graph.nodes) if _is_trunk(node, motifs)]
    gates = gate_layers(graph.nodes)
    roles: dict[Node | Value, str] = {}
    for position, node in enumerate(graph.nodes):
        heads = _heads(graph, reached[node])
        for value in constants(node):
            roles.setdefault(value, _headed(heads, _constant_role(node, value)))
        place = _place(position, trunk)
        if isinstance(node, Block | Stage):
            roles[node] = _block_role(node, motifs, heads, place)
        elif node.layer() is not None:
            kind = "gate" if node in gates else kind_name(node) or "layer"
            # The file's own name says most. A layer that only one output depends on is that
            # output's head, wherever it stands.
            if own := layer_name(node) or (heads[0] if len(heads) == 1 else None):
                roles[node] = renamed.get(own, own)
            elif place == "stem" and kind == "conv":
                roles[node] = "stem"
            else:
                roles[node] = f"{place}_{kind}".strip("_")
    return roles


def _place(position: int, trunk: Sequence[int]) -> str:
    """Return the part of a model that a layer at this position belongs to.

    The trunk is the span of blocks and stages: layers before it are the stem, layers after it
    the head, and layers between two stages the neck. Without a trunk no layer is any of these.
    """
    if not trunk:
        return ""
    return "stem" if position < trunk[0] else "head" if position > trunk[-1] else "neck"


def _is_trunk(node: Node, motifs: Motifs) -> bool:
    """Return whether a node is part of the trunk: a stage, or a block that stages consist of."""
    if isinstance(node, Block):
        return motifs[node.key].role in ("block", "mixer")
    return isinstance(node, Stage)


def gate_layers(nodes: Sequence[Node]) -> set[Node]:
    """Return the layers whose result is multiplied with features after a sigmoid."""
    producers = producers_of(nodes)
    products = [n for n in nodes if isinstance(n, Elementwise) and n.function == "mul"]
    gates: set[Node] = set()
    for factor in (producers.get(value) for node in products for value in node.inputs):
        if isinstance(factor, Elementwise) and factor.function == "sigmoid":
            layer = producers.get(factor.inputs[0])
            gates |= {layer} if layer is not None and layer.parameters else set()
    return gates


def _block_role(node: Block | Stage, motifs: Motifs, heads: Sequence[str], place: str) -> str:
    role = "stage" if isinstance(node, Stage) else motifs[node.key].role
    if role == "head" and len(heads) == 1:
        return heads[0]
    if role in ("block", "mixer"):
        role = "stage"
    elif place == "stem":
        role = f"stem_{role}"
    return _headed(heads, role)


def _headed(heads: Sequence[str], role: str) -> str:
    """Return a role, prefixed by what the outputs that it is for have in common.

    A side alone is no name: what ``left_eye`` and ``left_iris`` share is of the ``left_eye``.
    """
    name = prefixed(heads, role)
    return f"{heads[0]}_{role}" if name.removesuffix(f"_{role}") in SIDES else name


def prefixed(heads: Sequence[str], role: str) -> str:
    """Return a role, prefixed by the words that all these names of outputs begin with."""
    columns = zip(*(head.split("_") for head in heads), strict=False)
    common = takewhile(lambda words: len(set(words)) == 1, columns)
    return "_".join([*(words[0] for words in common), role])


def _heads(graph: Graph, reached: set[Value]) -> list[str]:
    """Return the names of the outputs that depend on a node; empty if all outputs do.

    An output without a name of its own counts as ``head``.
    """
    if len(reached) == len(graph.outputs):
        return []
    named = zip(graph.outputs, graph.output_names, strict=True)
    names = [name for value, name in named if value in reached]
    return [re.sub(r"^output(\d*)$", r"head\1", name) for name in names]


def block_roles(
    uses: Sequence[Block], nodes: Sequence[Node], motifs: Motifs
) -> dict[Node | Value, str]:
    """Return names for the parts of a block's class.

    Args:
        uses: the uses of the class.
        nodes: the steps of the class, in the order of each use's body.
        motifs: the motifs of the blocks inside.
    """
    layers = layer_roles(uses)
    gates = gate_layers(nodes)
    roles: dict[Node | Value, str] = {}
    for node, first in zip(nodes, uses[0].body, strict=True):
        for value in constants(node):
            roles.setdefault(value, _constant_role(node, value))
        if node in gates and layers[first] == "pointwise":
            roles[node] = "gate"
        elif isinstance(node, Stage):
            roles[node] = "blocks"
        elif isinstance(node, Block):
            roles[node] = _inner_role(node, nodes, motifs)
        else:
            roles[node] = layers.get(first) or kind_name(node) or "layer"
    return roles


def _inner_role(block: Block, nodes: Sequence[Node], motifs: Motifs) -> str:
    """Return the name of a block inside another block's class."""
    if any(isinstance(node, Rows) for node in nodes):
        return "level"
    motif = motifs[block.key]
    return motif.role if motif.role_among is None else motif.role_among(block, nodes)


def operand_names(nodes: Sequence[Node], entries: Sequence[Value]) -> list[str]:
    """Return the names of the inputs of a block's ``forward``."""
    names = ["x" if len(entries) < 3 else "x1"]
    joins = any(map(is_residual_add, nodes))
    users = users_of(nodes)
    for number, value in enumerate(entries[1:], 2):
        kinds = TransformBilinear | TransformLandmarks
        if all(isinstance(node, kinds) for node in users.get(value, [])):
            names.append("matrix")
        else:
            names.append("skip" if joins and len(entries) == 2 else f"x{number}")
    return names
