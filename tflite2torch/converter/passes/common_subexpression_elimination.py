"""Common subexpression elimination.

Before::

    a = reshape(x)    b = a * 0.25    …    c = reshape(x)    d = c * 0.25

After::

    a = reshape(x)    b = a * 0.25    …
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import is_number
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value


def eliminate_common_subexpressions(graph: Graph) -> Rewrites:
    """Replace equal nodes by the first of them; count those removed.

    Nodes with weights stay, for each has its own place in the state_dict; so do blocks and
    stages, and nodes that compute an output, which keeps its name and provenance.
    """
    outputs = set(graph.outputs)
    first: dict[object, Node] = {}
    same: dict[Value, Value] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        # Operands are replaced first, so that chains of equal nodes are found in one sweep.
        if not same.keys().isdisjoint(node.inputs):
            node.read_instead(same)
        stays = node.parameters or node.inner or not outputs.isdisjoint(node.outputs)
        known = node if stays else first.setdefault(_expression(node), node)
        if known is node:
            kept.append(node)
        else:
            same |= zip(node.outputs, known.outputs, strict=True)
    removed = len(graph.nodes) - len(kept)
    graph.nodes = kept
    return Rewrites(removed)


def _expression(node: Node) -> object:
    """Return a key that is equal for nodes that compute the same from the same values."""
    code = node.code()
    operands = tuple(_operand(node, value) for value in node.inputs)
    results = tuple((value.shape, value.dtype) for value in node.outputs)
    return type(node), code.template, repr(code.arguments), operands, results


def _operand(node: Node, value: Value) -> object:
    # By bytes, for 0.0 equals -0.0 and is another number.
    if value.data is not None and is_number(node, value):
        return value.dtype, value.data.reshape(-1)[0].tobytes()
    return value
