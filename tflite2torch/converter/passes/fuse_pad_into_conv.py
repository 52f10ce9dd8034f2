"""A pad of zeros around an image becomes the padding of the convolution that reads it.

Before::

    p = pad(x, 1 on all four sides)    y = conv(p, 3x3)

After::

    y = conv(x, 3x3, padding 1)
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.window import NO_PADDING
from tflite2torch.converter.graph.rewriting import Rewrites


def fuse_pad_into_conv(graph: Graph) -> Rewrites:
    """Fuse each pad into its convolution, if that can do it and is the only reader."""
    fused = Rewrites()
    producers, sole_users = graph.producers(), graph.sole_users()
    gone: set[Node] = set()
    for node in graph.nodes:
        pad = producers.get(node.inputs[0])
        if not isinstance(node, Conv2d) or not isinstance(pad, Pad):
            continue
        reason = _why_not(pad, node)
        if sole_users.get(pad.outputs[0]) is not node:
            reason = "something else reads it too"
        if reason:
            fused.near_misses.append(f"{pad.outputs[0].name!a}: {reason}")
            continue
        *_, vertical, horizontal = pad.padding
        node.window = replace(node.window, padding=(vertical, horizontal))
        node.inputs = list(pad.inputs)
        gone.add(pad)
    graph.nodes = [node for node in graph.nodes if node not in gone]
    fused.count = len(gone)
    return fused


def _why_not(pad: Pad, conv: Conv2d) -> str:
    """Return why a convolution cannot do a pad itself; empty if it can."""
    *outer, vertical, horizontal = pad.padding
    if type(pad) is not Pad or pad.value != 0:
        return "it pads with something else than zeros"
    if any(n for pair in outer for n in pair):
        return "it pads more than the image"
    if any(before != after for before, after in (vertical, horizontal)):
        return "it is not symmetric"
    if conv.window.padding != NO_PADDING:
        return "the convolution pads too"
    return ""
