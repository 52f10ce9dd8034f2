"""A PAD of zeros around an image becomes the padding of the convolution that reads it.

Before::

    p = pad(x, 1 on all four sides)    y = conv(p, 3x3, VALID)

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


def absorb_padding(graph: Graph) -> None:
    """Let convolutions take over the paddings that they can do, and nobody else reads."""
    users = graph.users()
    producers = graph.producers()
    absorbed: set[Node] = set()
    for node in graph.nodes:
        pad = producers.get(node.inputs[0]) if isinstance(node, Conv2d) else None
        if not isinstance(node, Conv2d) or not isinstance(pad, Pad):
            continue
        if len(users[pad.outputs[0]]) > 1 or pad.outputs[0] in graph.outputs:
            continue
        if not why_not(pad, node):
            *_, vertical, horizontal = pad.padding
            padding = (vertical, horizontal)
            node.window = replace(node.window, padding=padding)
            node.inputs = list(pad.inputs)
            absorbed.add(pad)
    graph.nodes = [node for node in graph.nodes if node not in absorbed]


def why_not(pad: Pad, conv: Conv2d) -> str:
    """Return why a convolution cannot take over a padding; nothing if it can."""
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
