"""Names of the layers in blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import PRelu
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.nodes.shape import Rows
from tflite2torch.converter.graph.nodes.transpose_conv import ConvTranspose2d
from tflite2torch.converter.graph.traversal import operands
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.structure import Block, is_layer


def layer_roles(uses: Sequence[Block]) -> dict[Node, str]:
    """Return names for the layers in the first use of a class.

    They say a layer's kind, or what a pointwise convolution does to the channels, or which
    of several values it works on.
    """
    # A convolution may tile the image in one use, 2x2 at stride 2, and be pointwise in
    # another. The use with the most pointwise convolutions names them for all uses.
    plain = max(uses, key=lambda use: sum(n.variant == "pointwise" for n in use.body))
    roles = {n: kind for n in plain.body if (kind := kind_name(n))}
    pointwise = [node for node in roles if roles[node] == "pointwise"]
    if any(isinstance(node, Rows) for node in plain.body):
        roles = {n: "level" if is_layer(n) else kind for n, kind in roles.items()}
    elif len(plain.inputs) > 1:
        roles |= _lateral_roles(plain, roles)
    elif len(pointwise) == 2:
        wider = [_widens(node) for node in pointwise]
        if wider == [True, False]:
            roles |= zip(pointwise, ("expand", "project"), strict=True)
        elif wider == [False, True]:
            roles |= zip(pointwise, ("reduce", "expand"), strict=True)
    pairs = zip(uses[0].body, plain.body, strict=True)
    return {node: roles[other] for node, other in pairs if other in roles}


def _lateral_roles(block: Block, roles: Mapping[Node, str]) -> dict[Node, str]:
    """Return names for the layers that work on a block's second value alone."""
    # Which of the values that the block reads each value depends on.
    entered: dict[Value, set[Value]] = {value: {value} for value in block.inputs}
    lateral: list[Node] = []
    for node in block.body:
        sources = set().union(*(entered.get(v, set()) for v in operands(node)))
        entered |= dict.fromkeys(node.outputs, sources)
        if sources == {block.inputs[1]} and node in roles and is_layer(node):
            lateral.append(node)
    if len(lateral) == 1:
        return {lateral[0]: "lateral"}
    return {node: f"lateral_{roles[node]}" for node in lateral}


def _widens(node: Node) -> bool:
    """Return whether a convolution gives more channels than it reads."""
    outputs, inputs = node.parameters["weight"].shape[:2]
    return outputs > inputs


def kind_name(node: Node) -> str:
    """Return the name of a layer's kind; nothing for a node that is no layer."""
    match node:
        case PRelu():
            return "activation"
        case LayerNorm():
            return "norm"
        case Linear():
            return "linear"
        case Conv2d(variant="patch"):
            return "conv"
        case Conv2d():
            return node.variant
        case ConvTranspose2d():
            return "upsample"
        case Node() if node.parameters:
            return "layer"
        case _:
            return ""
