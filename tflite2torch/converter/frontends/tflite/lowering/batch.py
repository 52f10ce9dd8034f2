"""The 1 that TFLite bakes into every shape becomes the batch, N.

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
    """Follow the batch axis from the inputs through every node; count the values with one.

    Raises UnsupportedOpError where a node mixes the samples of a batch, and
    InvalidModelError where the file states other shapes than its operators give.
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
    """Give a node's outputs their batch; return nodes that have to go before it.

    ``lifted`` are the values whose batch axis the file has dropped: their axes have all moved
    up by one.
    """
    ranks = [value.rank for value in node.inputs if value in lifted]
    if ranks:
        node.reorder((-1, *range(ranks[0] - 1)))
    added = node.follow_batch()
    for extra in added:
        extra.operator = node.operator
    for value, shape in zip(node.outputs, node.infer(), strict=True):
        stated, value.shape = value.shape, shape
        if shape == stated:
            continue
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
    """Bring the batch of every output to the front."""
    for position, value in enumerate(graph.outputs):
        batch = next((i for i, size in enumerate(value.shape) if size is N), 0)
        if batch:
            axes = (batch, *(i for i in range(value.rank) if i != batch))
            graph.nodes.append(Permute.of(value, axes))
            graph.outputs[position] = graph.nodes[-1].outputs[0]
