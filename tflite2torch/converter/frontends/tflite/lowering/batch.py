"""Replaces the batch size of 1, which every shape of a file states, by the free batch N.

Before::

    x: [1, 16, 16, 2]    y: [1, 512, 1] = reshape(x, [1, 512, 1])

After::

    x: [N, 16, 16, 2]    y: [N, 512, 1] = reshape(x, [N, 512, 1])
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import BatchError, Node
from tflite2torch.converter.graph.nodes.shape import Permute
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import N, Value


def follow_batch(graph: Graph) -> Rewrites:
    """Propagate the batch axis from the inputs; count the values that have one.

    Raises:
        UnsupportedOpError: a node mixes the samples of a batch.
        InvalidModelError: a shape stated in the file is not the one that is inferred.
    """
    for value in graph.inputs:
        if value.shape and value.shape[0] == 1:
            value.shape = (N, *value.shape[1:])
    nodes: list[Node] = []
    lifted: set[Value] = set()
    for node in graph.nodes:
        try:
            nodes += _follow(graph, node, lifted)
        except BatchError as problem:
            raise UnsupportedOpError(
                [
                    f"{graph.label}: operator {node.operator} ({type(node).__name__}), "
                    f"tensor {node.outputs[0].name[:80]!a}: it mixes the samples of a "
                    f"batch: {problem}"
                ]
            ) from problem
        nodes.append(node)
    graph.nodes = nodes
    _lead_with_batch(graph)
    return Rewrites(sum(v.batched for node in graph.nodes for v in node.outputs))


def _follow(graph: Graph, node: Node, lifted: set[Value]) -> list[Node]:
    """Update a node and its outputs; return nodes to insert before it.

    ``lifted`` is the set of values with a batch axis where the file has none. A node that
    gives such a value is added to it.
    """
    # Files drop the batch axis, as in x[0], since it has size one. It has to be kept, so that
    # all other axes of such a value, and of what is computed from it, move up by one.
    ranks = [value.rank for value in node.inputs if value in lifted]
    if ranks:
        node.reorder((-1, *range(ranks[0] - 1)))
    # The node replaces the 1 in its own constants (shapes, slices), or raises BatchError.
    added = node.follow_batch()
    for extra in added:
        extra.operator = node.operator
    for value, shape in zip(node.outputs, node.infer(), strict=True):
        stated, value.shape = value.shape, shape
        if shape == stated:
            continue
        # N equals 1, so that shapes that differ only in the batch compared equal above. What is
        # left must be a lifted value: the stated shape behind a new batch axis.
        if shape[:1] != (N,) or shape[0] is not N or shape[1:] != stated:
            index = None if value.origin is None else value.origin.index
            raise InvalidModelError(
                f"{graph.label}: operator {node.operator} ({type(node).__name__}) gives "
                f"{list(shape)}, but the file states {list(stated)} for tensor "
                f"{index} ({value.name!a}); the file is damaged, fetch it again"
            )
        lifted.add(value)
        if value.origin is not None:
            order = (-1, *value.origin.permutation)
            value.origin = replace(value.origin, permutation=order)
    return added


def _lead_with_batch(graph: Graph) -> None:
    """Permute the batch axis of every output to the front."""
    for position, value in enumerate(graph.outputs):
        batch = next((i for i, size in enumerate(value.shape) if size is N), 0)
        if batch:
            axes = (batch, *(i for i in range(value.rank) if i != batch))
            graph.nodes.append(Permute.of(value, axes))
            graph.outputs[position] = graph.nodes[-1].outputs[0]
