"""Steps that do nothing, or whose result nobody reads, go.

Before::

    y = x[:, :, :, :]    z = reshape(y, shape of y)    w = relu(z)

After::

    w = relu(x)
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape
from tflite2torch.converter.graph.nodes.slicing import Slice


def tidy(graph: Graph) -> None:
    """Remove identities, and then every node that no output depends on."""
    for node in graph.nodes:
        if does_nothing(node):
            _bypass(graph, node)
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    graph.nodes = kept[::-1]


def _bypass(graph: Graph, node: Node) -> None:
    """Drop a node; an output of the graph keeps its own name and provenance."""
    (before,), (after,) = node.inputs, node.outputs
    if after not in graph.outputs:
        graph.replace(after, before)
    elif before not in graph.inputs + graph.outputs and before.data is None:
        producer = graph.producers()[before]
        producer.outputs = [after if v is before else v for v in producer.outputs]
        node.outputs = [before]
        graph.replace(before, after)


def does_nothing(node: Node) -> bool:
    """Return whether a node gives its operand as it is."""
    match node:
        case Reshape() | Slice():
            return node.outputs[0].shape == node.inputs[0].shape
        case Reduce(axes=()):
            return True
        case Permute(axes=axes):
            return axes == tuple(range(len(axes)))
        case _:
            return False
