"""Topological sort: each node just before its first reader, as a person would write them.

Before, with heads interleaved as in the file::

    a = conv(x)    b = conv(x)    c = reshape(a)    d = reshape(b)

After::

    a = conv(x)    c = reshape(a)    b = conv(x)    d = reshape(b)
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.traversal import topological_order


def topological_sort(graph: Graph) -> Rewrites:
    """Sort nodes by depth-first search from the outputs; count those that moved."""
    ordered = topological_order(graph.outputs, graph.producers())
    pairs = zip(graph.nodes, ordered, strict=False)
    moved = Rewrites(sum(before is not after for before, after in pairs))
    graph.nodes = ordered
    return moved
