"""Dead code elimination: removes identities, and nodes that no output depends on.

Before::

    y = x[:, :, :, :]    z = reshape(y, shape of y)    w = relu(z)    u = relu(w)

After, where w is the output::

    w = relu(x)
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.rewriting import Rewrites


def eliminate_dead_code(graph: Graph) -> Rewrites:
    """Remove identities, then every node that no output depends on; count all of them."""
    before = len(graph.nodes)
    for node in graph.nodes:
        if is_identity(node):
            _bypass(graph, node)
    # Backwards, a node comes after all its users, so that one sweep is enough.
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    graph.nodes = kept[::-1]
    return Rewrites(before - len(kept))


def _bypass(graph: Graph, node: Node) -> None:
    """Let the users of a node read its operand instead, which makes the node dead code.

    An output of the graph keeps its own name and provenance: the producer of the operand
    computes the output instead. That is impossible where the operand is an input, a constant
    or another output: such a node stays.
    """
    (before,), (after,) = node.inputs, node.outputs
    if after not in graph.outputs:
        # A reshape may be what makes an image of other elements in the same order.
        before.image = before.image or after.image
        graph.replace(after, before)
    elif before not in graph.inputs + graph.outputs and before.data is None:
        producer = graph.producers()[before]
        producer.outputs = [after if v is before else v for v in producer.outputs]
        node.outputs = [before]
        graph.replace(before, after)


def is_identity(node: Node) -> bool:
    """Return whether a node returns its operand unchanged."""
    match node:
        case Reshape() | Slice():
            return node.outputs[0].shape == node.inputs[0].shape
        case Reduce(axes=()):
            return True
        case Permute(axes=axes):
            return axes == tuple(range(len(axes)))
        case _:
            return False
