"""Nodes stand where a person would write them: each just before what first reads it.

Before, where heads interleave as the file has them::

    a = conv(x)    b = conv(x)    c = reshape(a)    d = reshape(b)

After::

    a = conv(x)    c = reshape(a)    b = conv(x)    d = reshape(b)
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node


def order_nodes(graph: Graph) -> None:
    """Sort nodes by depth-first search from the outputs, in the order of these."""
    producers = graph.producers()
    ordered: dict[Node, None] = {}
    waiting = [producers[v] for v in reversed(graph.outputs) if v in producers]
    while waiting:
        node = waiting[-1]
        needed = [producers[v] for v in reversed(node.inputs) if v in producers]
        missing = [other for other in needed if other not in ordered]
        if missing and node not in ordered:
            waiting += missing
        else:
            ordered.setdefault(node)
            waiting.pop()
    graph.nodes = list(ordered)
