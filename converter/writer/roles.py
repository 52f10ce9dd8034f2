"""What the parts of a module are called: by role, by TFLite's name, by kind."""

from __future__ import annotations

from converter.graph import Graph, Node, Value
from converter.ops.conv import Conv2d
from converter.ops.elementwise import Elementwise, PRelu
from converter.ops.linear import Linear
from converter.ops.normalization import LayerNorm
from converter.ops.pad import Pad
from converter.ops.pool import Pool2d
from converter.ops.reduce import Reduce
from converter.ops.shape import Permute
from converter.passes.blocks import Block
from converter.passes.stages import Stage
from converter.writer.names import meaningful


def kind_name(node: Node) -> str:
    """Return what a layer is called where nothing more is known of it."""
    match node:
        case Stage():
            return "stage"
        case Block():
            return "block"
        case PRelu():
            return "activation"
        case LayerNorm():
            return "norm"
        case Linear():
            return "linear"
        case Conv2d():
            return _convolution_name(node)
        case _:
            return "layer"


def _convolution_name(conv: Conv2d) -> str:
    weight = conv.parameters["weight"]
    if conv.groups > 1:
        return "depthwise" if weight.shape[1] == 1 else "grouped"
    return "pointwise" if conv.pointwise else "conv"


def tflite_role(node: Node) -> str | None:
    """Return what TFLite's names say of a layer: of its result, or of its weights."""
    values = [*node.outputs, *node.parameters.values()]
    return next((role for v in values if (role := meaningful(v.name))), None)


def model_roles(graph: Graph) -> dict[Node, str]:
    """Return names for what stands outside all blocks: stem, heads, or TFLite's."""
    reach = reached_outputs(graph)
    whole = [isinstance(node, Block | Stage) for node in graph.nodes]
    first_block = whole.index(True) if any(whole) else 0
    roles: dict[Node, str] = {}
    for position, node in enumerate(graph.nodes):
        roles[node] = kind_name(node)
        if isinstance(node, Block):
            roles[node] = _block_role(graph, node, reach[node])
        if whole[position] or node.layer() is None:
            continue
        if own := tflite_role(node) or _head(graph, reach[node]):
            roles[node] = own
        elif position < first_block:
            kind = kind_name(node)
            roles[node] = "stem" if kind == "conv" else f"stem_{kind}"
    return roles


def _block_role(graph: Graph, block: Block, reached: set[Value]) -> str:
    """Return what a block is called; one that serves a single output may be its head."""
    head = _head(graph, reached)
    if head is None or block_name(block) != "Head":
        return kind_name(block)
    return next((role for n in _layers(block) if (role := tflite_role(n))), head)


def _head(graph: Graph, reached: set[Value]) -> str | None:
    """Return the name of the only output that depends on a layer, among several."""
    if len(reached) != 1 or len(graph.outputs) < 2:
        return None
    (output,) = reached
    return graph.output_names[graph.outputs.index(output)]


def reached_outputs(graph: Graph) -> dict[Node, set[Value]]:
    """Return which of a graph's outputs depend on each node."""
    reached: dict[Value, set[Value]] = {value: {value} for value in graph.outputs}
    of_node: dict[Node, set[Value]] = {}
    for node in reversed(graph.nodes):
        of_node[node] = set().union(*(reached.get(v, set()) for v in node.outputs))
        for value in node.inputs:
            reached[value] = reached.get(value, set()) | of_node[node]
    return of_node


IDIOMS = {
    ("depthwise", "pointwise"): ("SeparableConv", "BlazeBlock"),
    ("expand", "depthwise", "project"): ("InvertedBottleneck", "InvertedResidual"),
    ("reduce", "depthwise", "expand"): ("Bottleneck", "BottleneckBlock"),
    ("norm", "linear", "linear"): ("Mlp", "ChannelMixer"),
}
"""What a block of these layers is called, without a shortcut and with one."""


def block_name(block: Block) -> str:
    """Return the usual name of a block's motif, or a plain one by what is in it."""
    layers = tuple(block_roles(block)[node] for node in _layers(block))
    shortcut = _has_shortcut(block)
    names = IDIOMS.get(layers, ("ConvBlock", "ResidualBlock"))
    if any(isinstance(node, Permute) for node in block.body):
        return "TokenMixer" if "linear" in layers else "Head"
    if _gates(block):
        return "SqueezeExcite" if shortcut else "ChannelGate"
    prefix = "Widening" if _pads_channels(block) else ""
    if any(isinstance(node, Pool2d) for node in block.body):
        prefix += "Downsampling"
    return prefix + names[shortcut]


def block_roles(block: Block) -> dict[Node, str]:
    """Return what a block's parts are called, by their kind and what they do to channels."""
    roles = {node: kind_name(node) for node in block.body}
    pointwise = [node for node in block.body if roles[node] == "pointwise"]
    if len(pointwise) == 2:
        wider = [_widens(node) for node in pointwise]
        if wider == [True, False]:
            roles |= zip(pointwise, ("expand", "project"), strict=True)
        elif wider == [False, True]:
            roles |= zip(pointwise, ("reduce", "expand"), strict=True)
    return roles


def _widens(node: Node) -> bool:
    outputs, inputs = node.parameters["weight"].shape[:2]
    return outputs > inputs


def _gates(block: Block) -> bool:
    """Whether pooled features are squashed to factors between 0 and 1."""
    functions = [node.function for node in block.body if isinstance(node, Elementwise)]
    pools = any(isinstance(node, Pool2d | Reduce) for node in block.body)
    return pools and "sigmoid" in functions


def _layers(block: Block) -> list[Node]:
    return [n for n in block.body if n.parameters and not isinstance(n, PRelu)]


def _has_shortcut(block: Block) -> bool:
    return any(sum(v.data is None for v in node.inputs) > 1 for node in block.body)


def _pads_channels(block: Block) -> bool:
    return any(
        isinstance(node, Pad) and len(node.padding) == 4 and node.padding[1] != (0, 0)
        for node in block.body
    )


def block_description(block: Block) -> str:
    """Return one line on what a block does, for its class's docstring."""
    roles = block_roles(block)
    names = [roles[node].replace("norm", "layer norm") for node in _layers(block)]
    chain = ", ".join(names).capitalize()
    if not _has_shortcut(block):
        return f"{chain}."
    pooled = any(isinstance(node, Pool2d) for node in block.body)
    kinds = ["pooled"] * pooled + ["padded"] * _pads_channels(block)
    kind = " and ".join(kinds)
    return f"{chain}, added to a {kind + ' ' if kind else ''}shortcut."
