"""What is computed twice from the same values is computed once.

Before::

    a = reshape(x)    b = a * 0.25    …    c = reshape(x)    d = c * 0.25

After::

    a = reshape(x)    b = a * 0.25    …
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import PRelu, is_number
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.structure import is_layer, read_instead


def merge_duplicates(graph: Graph) -> None:
    """Let everything read the first of equal steps; layers and outputs stay as they are."""
    outputs = set(graph.outputs)
    first: dict[object, Node] = {}
    same: dict[Value, Value] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        if not same.keys().isdisjoint(node.inputs):
            read_instead(node, same)
        alone = (
            is_layer(node)
            or isinstance(node, PRelu)
            or not outputs.isdisjoint(node.outputs)
        )
        known = node if alone else first.setdefault(_meaning(node), node)
        if known is node:
            kept.append(node)
        else:
            same |= zip(node.outputs, known.outputs, strict=True)
    graph.nodes = kept


def _meaning(node: Node) -> object:
    """Return what is equal for steps that give equal values."""
    code = node.code()
    operands = tuple(_operand(node, value) for value in node.inputs)
    results = tuple((value.shape, value.dtype) for value in node.outputs)
    return type(node), code.template, repr(code.arguments), operands, results


def _operand(node: Node, value: Value) -> object:
    if value.data is not None and is_number(node, value):
        return value.dtype, value.data.reshape(-1)[0].tobytes()
    return value
