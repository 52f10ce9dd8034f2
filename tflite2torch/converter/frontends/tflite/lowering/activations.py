"""Fused activations become nodes of their own.

Before::

    y = CONV_2D(x, fused activation: RELU)

After::

    z = conv(x)    y = relu(z)
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value


def split_activations(graph: Graph) -> Rewrites:
    """Give every fused activation a node; TFLite has no tensor for what goes into it.

    Of several results, the first one is activated.
    """
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(node)
        if node.activation is not None:
            output, *others = node.outputs
            before = Value(output.name, output.shape, output.dtype)
            node.outputs = [before, *others]
            nodes.append(
                Elementwise([before], [output], node.activation, operator=node.operator)
            )
            node.activation = None
    split = Rewrites(len(nodes) - len(graph.nodes))
    graph.nodes = nodes
    return split
