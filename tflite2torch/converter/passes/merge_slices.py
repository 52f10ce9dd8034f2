"""A slice of a slice becomes one.

Before::

    a = x[:, :2]    b = a[:, :1]

After::

    b = x[:, :1]
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.slicing import Slice, canonical
from tflite2torch.converter.graph.rewriting import Rewrites


def merge_slices(graph: Graph) -> Rewrites:
    """Compose every slice with a slice before it, and read that one's operand; count.

    Two slices of which one drops an axis stay, as near misses.

    Dead code elimination then drops the first one, if nothing else reads it.
    """
    merged = Rewrites()
    producers = graph.producers()
    for node in graph.nodes:
        first = producers.get(node.inputs[0])
        if not isinstance(node, Slice) or not isinstance(first, Slice):
            continue
        index = _composed(first, node)
        if index is None:
            name = node.outputs[0].name
            merged.near_misses.append(f"{name!a}: one of two slices drops an axis")
        else:
            node.index, node.inputs = index, list(first.inputs)
            merged.count += 1
    return merged


def _composed(first: Slice, second: Slice) -> tuple[slice, ...] | None:
    """Return the index of both slices together; None where one of them drops an axis."""
    composed = []
    pairs = zip(first.inputs[0].shape, first.index, strict=True)
    for axis, (size, one) in enumerate(pairs):
        other = second.index[axis] if axis < len(second.index) else None
        if not isinstance(one, slice) or not isinstance(other, slice):
            return None
        # A range knows how to be sliced: starts, stops and steps of either sign.
        taken = range(*one.indices(int(size)))[other]
        composed.append(canonical(slice(taken.start, taken.stop, taken.step), size))
    return tuple(composed)
