"""Slices of slices become one.

Before::

    a = x[:, :2]    b = a[:, :1]

After::

    b = x[:, :1]
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.slicing import Slice, canonical


def merge_slices(graph: Graph) -> None:
    """Let every slice of a slice take its elements from what that one takes them from."""
    producers = graph.producers()
    for node in graph.nodes:
        before = producers.get(node.inputs[0])
        if isinstance(node, Slice) and isinstance(before, Slice):
            index = _composed(before, node)
            if index is not None:
                node.index, node.inputs = index, list(before.inputs)
    # What nobody reads now goes with tidy, the next pass.


def _composed(first: Slice, second: Slice) -> tuple[slice, ...] | None:
    """Return what two slices take together; None where one of them drops an axis."""
    composed = []
    pairs = zip(first.inputs[0].shape, first.index, strict=True)
    for axis, (size, one) in enumerate(pairs):
        other = second.index[axis] if axis < len(second.index) else None
        if not isinstance(one, slice) or not isinstance(other, slice):
            return None
        taken = range(*one.indices(int(size)))[other]
        composed.append(canonical(slice(taken.start, taken.stop, taken.step), size))
    return tuple(composed)
