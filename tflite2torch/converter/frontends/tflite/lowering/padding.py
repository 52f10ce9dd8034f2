"""Makes the padding of convolutions and pools explicit.

Before::

    y = conv(x: [N, 24, 64, 64], 3x3, stride 2, SAME)

After::

    p = pad(x, left 0, right 1, top 0, bottom 1)    y = conv(p, 3x3, stride 2)

Symmetric padding stays in the window, as the layer's own ``padding=``.
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.window import NO_PADDING
from tflite2torch.converter.graph.rewriting import Rewrites

COMMENT = "TFLite SAME: one more right and bottom"


def make_padding_explicit(graph: Graph) -> Rewrites:
    """Insert pad nodes before layers that cannot pad by themselves; count them.

    Also marks average pools over the whole image.
    """
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Conv2d):
            nodes += _pads(node)
        elif isinstance(node, Pool2d) and node.kind == "avg":
            # Not padded, since zeros would count as elements: the node has its own ways.
            full = node.window.kernel == node.inputs[0].shape[2:]
            node.is_global = full and node.window.padding == NO_PADDING
        elif isinstance(node, Pool2d) and not node.window.ends_by_ceiling:
            # Zeros would exceed negative elements; -inf is never the maximum.
            nodes += _pads(node, float("-inf"))
        nodes.append(node)
    added = Rewrites(len(nodes) - len(graph.nodes))
    graph.nodes = nodes
    return added


def _pads(node: Conv2d | Pool2d, value: float = 0.0) -> list[Node]:
    """Return a pad node for asymmetric padding, and make the layer read its output."""
    # torch's layers take one number for both sides of an axis.
    padding = node.window.padding
    if all(before == after for before, after in padding):
        return []
    pad = Pad.of(node.inputs[0], ((0, 0), (0, 0), *padding), value)
    pad.operator, pad.of_window, pad.comment = node.operator, True, COMMENT
    node.inputs = list(pad.outputs)
    node.window = replace(node.window, padding=NO_PADDING)
    return [pad]
