"""Two linear layers and the activation between them, where that repeats, become blocks.

Before::

    b = linear(a)    c = relu(b)    d = linear(c)

After::

    d = mlp(a)
"""

from __future__ import annotations

from collections import Counter

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.structure.blocks import fold, make_block
from tflite2torch.converter.structure.structure import Block, is_activation


def find_mlps(graph: Graph) -> Rewrites:
    """Put blocks in the place of all that the graph has more than once."""
    users = graph.users()

    def only_reader(node: Node) -> Node | None:
        readers = users.get(node.outputs[0], [])
        alone = len(readers) == 1 and node.outputs[0] not in graph.outputs
        return readers[0] if alone else None

    found: list[Block] = []
    taken: set[Node] = set()
    for node in graph.nodes:
        middle = only_reader(node) if isinstance(node, Linear) else None
        last = only_reader(middle) if middle and is_activation(middle) else None
        if middle and isinstance(last, Linear) and node not in taken:
            taken.add(last)
            found.append(make_block([node, middle, last], last.outputs[0]))
    counts = Counter(block.key for block in found)
    repeated = [block for block in found if counts[block.key] > 1]
    for block in repeated:
        fold(graph.nodes, block.body, block)
    return Rewrites(len(repeated))
