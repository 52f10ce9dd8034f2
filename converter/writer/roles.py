"""What the parts of a module are called: by role, by TFLite's name, by kind."""

from __future__ import annotations

from converter.graph import Graph, Node, Value
from converter.ops.conv import Conv2d
from converter.ops.elementwise import PRelu
from converter.ops.linear import Linear
from converter.ops.normalization import LayerNorm
from converter.ops.pad import Pad
from converter.ops.pool import Pool2d
from converter.ops.shape import Permute
from converter.passes.blocks import Block, Stage
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


def model_roles(graph: Graph) -> dict[Node, str]:
    """Return names for the layers that stand outside all blocks: stem, heads, or TFLite's."""
    roles: dict[Node, str] = {}
    reach = reached_outputs(graph)
    first_stage = next(
        (i for i, n in enumerate(graph.nodes) if isinstance(n, Stage)), 0
    )
    for position, node in enumerate(graph.nodes):
        if isinstance(node, Block | Stage) or node.layer() is None:
            roles[node] = kind_name(node)
        elif position < first_stage:
            own = meaningful(node.outputs[0].name)
            roles[node] = own or (
                "stem" if isinstance(node, Conv2d) else f"stem_{kind_name(node)}"
            )
        else:
            own = meaningful(node.outputs[0].name)
            roles[node] = own or _head(graph, reach[node]) or kind_name(node)
    return roles


def _head(graph: Graph, reached: set[Value]) -> str | None:
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


def block_name(block: Block) -> str:
    """Return a plain name for a block's class, by what is in it."""
    kinds = {type(node) for node in block.body}
    if Linear in kinds:
        return "TokenMixer" if Permute in kinds else "ChannelMixer"
    if Conv2d not in kinds:
        return "Block"
    words = ["Widening"] if Pad in kinds and _pads_channels(block) else []
    words += ["Downsampling"] if Pool2d in kinds else []
    return "".join(words or ["Residual"]) + "Block"


def _pads_channels(block: Block) -> bool:
    return any(
        isinstance(node, Pad) and len(node.padding) == 4 and node.padding[1] != (0, 0)
        for node in block.body
    )


def block_description(block: Block) -> str:
    """Return one line on what a block does, for its class's docstring."""
    steps = [kind_name(n) for n in block.body if n.parameters or isinstance(n, Block)]
    names = ["layer norm" if s == "norm" else s for s in steps if s != "activation"]
    shortcut = []
    if any(isinstance(node, Pool2d) for node in block.body):
        shortcut.append("pooled")
    if _pads_channels(block):
        shortcut.append("padded")
    kind = " and ".join(shortcut)
    return f"{', '.join(names).capitalize()}, added to a {kind + ' ' if kind else ''}shortcut."
