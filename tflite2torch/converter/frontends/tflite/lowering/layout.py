"""NHWC becomes NCHW where the network works on images.

Before::

    y: [N, 64, 64, 24] = conv(x: [N, 128, 128, 3])    z = reshape(y, [N, 98304])

After::

    y: [N, 24, 64, 64] = conv(x: [N, 3, 128, 128])
    t: [N, 64, 64, 24] = permute(y, 0, 2, 3, 1)       z = reshape(t, [N, 98304])

Values joined by nodes that do not care share one layout: NCHW if anything that they touch
asks for it (a spatial operator, or the model's boundary), else TFLite's own order, in which
a pointwise convolution is a linear layer. A permute stands only where the two meet and the
order of elements can be seen.
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.index import Gather
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import TO_NCHW, TO_NHWC, Value


def choose_layouts(graph: Graph) -> Rewrites:
    """Give every rank-4 value its layout, and rewrite axes and constants to match.

    Counts the values that are NCHW now.
    """
    images = _images(graph)
    for value in images:
        nchw = value.permuted(TO_NCHW)
        value.shape, value.origin, value.image = nchw.shape, nchw.origin, True
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.layout != "fixed" and not images.isdisjoint(_ends(node)):
            node.reorder(TO_NCHW)
            if not isinstance(node, Gather):  # indices do not broadcast
                node.inputs = [_reordered_operand(value) for value in node.inputs]
            nodes.append(node)
        elif isinstance(node, Conv2d):
            nodes.append(_linear(node))
        else:
            nodes += _permuted(node, images)
    graph.nodes = nodes
    return Rewrites(len(images))


def _images(graph: Graph) -> set[Value]:
    """Return the values that are to be NCHW."""
    groups = _Groups()
    for node in graph.nodes:
        ends = _ends(node)
        if node.layout != "fixed":
            for value in ends[1:]:
                groups.join(ends[0], value)
    demanding = [v for v in [*graph.inputs, *graph.outputs] if v.rank == 4]
    for node in graph.nodes:
        if node.layout == "nchw":
            demanding += _ends(node)
    chosen = {groups.find(value) for value in demanding}
    return {value for value in _values(graph) if groups.find(value) in chosen}


class _Groups:
    """Disjoint sets of values (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[Value, Value] = {}

    def find(self, value: Value) -> Value:
        while (parent := self._parent.get(value, value)) is not value:
            value = parent
        return value

    def join(self, a: Value, b: Value) -> None:
        self._parent[self.find(a)] = self.find(b)


def _values(graph: Graph) -> list[Value]:
    computed = [value for node in graph.nodes for value in node.outputs]
    return [value for value in graph.inputs + computed if value.rank == 4]


def _ends(node: Node) -> list[Value]:
    return [v for v in node.inputs + node.outputs if v.rank == 4 and v.data is None]


def _reordered_operand(value: Value) -> Value:
    """Return a constant operand so that it broadcasts as before."""
    if value.data is None or value.data.size == 1:
        return value
    data = value.data.reshape((1,) * (4 - value.rank) + value.data.shape)
    data = data.transpose(TO_NCHW)
    while data.shape[0] == 1 and data.ndim > value.rank:
        data = data.reshape(data.shape[1:])
    origin = value.origin
    if origin is not None:
        axes = [axis + value.rank - 4 for axis in TO_NCHW]
        order = tuple(origin.permutation[axis] for axis in axes if axis >= 0)
        origin = replace(origin, permutation=order)
    image = value.rank == 4
    return Value(value.name, data.shape, value.dtype, origin, data, image)


def _linear(node: Conv2d) -> Linear:
    """Return a pointwise convolution as a matrix product over TFLite's last axis."""
    weight = node.parameters["weight"]
    matrix = weight.reshaped((weight.shape[0], weight.shape[3]))
    parameters = {**node.parameters, "weight": matrix}
    return Linear(
        node.inputs, node.outputs, operator=node.operator, parameters=parameters
    )


def _permuted(node: Node, images: set[Value]) -> list[Node]:
    """Return a node that needs TFLite's order, between the permutes that give it."""
    before: list[Node] = []
    after: list[Node] = []
    for position, value in enumerate(node.inputs):
        if value in images and not (isinstance(node, Reshape) and _same_order(value)):
            permute = Permute.of(value, TO_NHWC)
            node.inputs[position] = permute.outputs[0]
            before.append(permute)
    for position, value in enumerate(node.outputs):
        if value not in images:
            continue
        if isinstance(node, Reshape) and _same_order(value):
            node.shape = value.shape
            continue
        inner = value.permuted(TO_NHWC)
        node.outputs[position] = inner
        after.append(Permute([inner], [value], TO_NCHW))
    for extra in before + after:
        extra.operator = node.operator
    return [*before, node, *after]


def _same_order(image: Value) -> bool:
    """Whether an NCHW value has its elements in the same order as in NHWC."""
    _, channels, height, width = image.shape
    return channels == 1 or height * width == 1
