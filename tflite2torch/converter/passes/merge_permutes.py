"""A permute of a permute becomes one.

Before::

    a = permute(x, 0, 2, 3, 1)    b = permute(a, 0, 2, 1, 3)

After::

    b = permute(x, 0, 3, 2, 1)
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.shape import Permute
from tflite2torch.converter.graph.rewriting import Rewrites


def merge_permutes(graph: Graph) -> Rewrites:
    """Compose every permute with a permute before it, and read that one's operand; count.

    Dead code elimination then drops the first one, if nothing else reads it, and the
    second one where both together change nothing.
    """
    merged = Rewrites()
    producers = graph.producers()
    for node in graph.nodes:
        first = producers.get(node.inputs[0])
        if isinstance(node, Permute) and isinstance(first, Permute):
            node.axes = tuple(first.axes[axis] for axis in node.axes)
            node.inputs = list(first.inputs)
            merged.count += 1
    return merged
