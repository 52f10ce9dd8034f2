"""The 1 that TFLite bakes into every shape becomes the batch, N.

Before::

    x: [1, 16, 16, 2]    y: [1, 512, 1] = reshape(x, [1, 512, 1])

After::

    x: [N, 16, 16, 2]    y: [N, 512, 1] = reshape(x, [N, 512, 1])
"""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import BatchError, Node
from tflite2torch.converter.graph.nodes.shape import Permute
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import N, Shape, Value


def follow_batch(graph: Graph) -> Rewrites:
    """Follow the batch axis from the inputs through every node; count the values with one.

    Raises UnsupportedOpError where a node mixes the samples of a batch, and
    InvalidModelError where the file states other shapes than its operators give.
    """
    for value in graph.inputs:
        if value.shape and value.shape[0] == 1:
            value.shape = (N, *value.shape[1:])
    nodes: list[Node] = []
    for node in graph.nodes:
        try:
            nodes += _follow(graph, node)
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


def _lead_with_batch(graph: Graph) -> None:
    """Bring the batch of every output to the front."""
    for position, value in enumerate(graph.outputs):
        batch = next((i for i, size in enumerate(value.shape) if size is N), 0)
        if batch:
            axes = (batch, *(i for i in range(value.rank) if i != batch))
            graph.nodes.append(Permute.of(value, axes))
            graph.outputs[position] = graph.nodes[-1].outputs[0]


def _follow(graph: Graph, node: Node) -> list[Node]:
    lifted = [value for value in node.inputs if value.order[:1] == (-1,)]
    if lifted:  # TFLite dropped the batch axis; all others have moved up by one
        node.reorder((-1, *range(lifted[0].rank - 1)))
    added = node.follow_batch()
    for extra in added:
        extra.operator = node.operator
    for value, shape in zip(node.outputs, node.infer(), strict=True):
        _give_shape(graph, node, value, shape)
    return added


def _give_shape(graph: Graph, node: Node, value: Value, shape: Shape) -> None:
    stated = value.shape
    if shape != stated:
        if shape[:1] != (N,) or shape[0] is not N or shape[1:] != stated:
            raise InvalidModelError(
                f"{graph.label}: operator {node.operator} ({type(node).__name__}) gives "
                f"{list(shape)}, but the file states {list(stated)} for tensor "
                f"{value.tensor} ({value.name!a}); the file is damaged, fetch it again"
            )
        value.order = (-1, *value.order)
    value.shape = shape
