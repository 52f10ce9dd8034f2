"""TFLite's SAME becomes the padding that a PyTorch author writes.

Before::

    y = conv(x: [N, 24, 64, 64], 3x3, stride 2, SAME)

After::

    p = pad(x, left 0, right 1, top 0, bottom 1)    y = conv(p, 3x3, stride 2)

Symmetric padding becomes the layer's own ``padding=``.
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.window import NO_PADDING, Padding
from tflite2torch.converter.graph.rewriting import Rewrites

COMMENT = "TFLite SAME: one more right and bottom"


def spell_out_padding(graph: Graph) -> Rewrites:
    """Give every window numbers for its padding, and every layer what it can take.

    Counts the nodes that pad for a layer which cannot.
    """
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Pool2d):
            full = node.window.kernel == node.inputs[0].shape[2:]
            node.whole = (
                node.kind == "avg" and full and node.window.padding == NO_PADDING
            )
        if isinstance(node, Conv2d):
            nodes += _pads(node.window.padding, node)
        elif isinstance(node, Pool2d):
            nodes += _pool_pads(node)
        nodes.append(node)
    added = Rewrites(len(nodes) - len(graph.nodes))
    graph.nodes = nodes
    return added


def _pads(padding: Padding, node: Conv2d | Pool2d, value: float = 0.0) -> list[Node]:
    """Put a padding that is not symmetric before the node."""
    if all(before == after for before, after in padding):
        return []
    pad = Pad.of(node.inputs[0], ((0, 0), (0, 0), *padding), value)
    pad.operator, pad.same, pad.comment = node.operator, True, COMMENT
    node.inputs = list(pad.outputs)
    node.window = replace(node.window, padding=NO_PADDING)
    return [pad]


def _pool_pads(pool: Pool2d) -> list[Node]:
    """Put what a maximum cannot pad by itself before it; a mean has its own way."""
    if pool.kind != "max" or pool.window.ends_by_ceiling:
        return []
    return _pads(pool.window.padding, pool, float("-inf"))
