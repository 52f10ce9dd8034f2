"""Changes the layout of images from NHWC to NCHW.

Before::

    y: [N, 64, 64, 24] = conv(x: [N, 128, 128, 3])    z = reshape(y, [N, 98304])

After::

    y: [N, 24, 64, 64] = conv(x: [N, 3, 128, 128])
    t: [N, 64, 64, 24] = permute(y, 0, 2, 3, 1)       z = reshape(t, [N, 98304])

Values connected by nodes that work in any layout form a group with one layout: NCHW if a node
that requires it (such as a convolution) or the model's interface is among its users, otherwise
NHWC, in which a pointwise convolution is a linear layer. Permutes are inserted only between
groups and nodes that depend on the order of elements.
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.index import Gather
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import TO_NCHW, TO_NHWC, Value


def choose_layouts(graph: Graph) -> Rewrites:
    """Choose the layout of every rank-4 value, and permute axes and constants accordingly.

    Counts the values that become NCHW.
    """
    images = _images(graph)
    # Values change in place and before any node does: nodes that share a value then agree.
    for value in images:
        nchw = value.permuted(TO_NCHW)
        value.shape, value.origin, value.image = nchw.shape, nchw.origin, True
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.layout != "fixed" and not images.isdisjoint(_ends(node)):
            node.reorder(TO_NCHW)
            if not isinstance(node, Gather):  # indices do not broadcast
                node.inputs = [_reordered_constant(value) for value in node.inputs]
            if isinstance(node, Elementwise):
                nodes += _lifted_operands(node)
            nodes.append(node)
        elif isinstance(node, Conv2d):
            # Only a pointwise convolution, which works in any layout, can be outside NCHW.
            nodes.append(_linear(node))
        else:
            nodes += _permuted(node, images)
    graph.nodes = nodes
    return Rewrites(len(images))


def _images(graph: Graph) -> set[Value]:
    """Return the values that become NCHW."""
    # A layout per value would need a permute at every edge between two of them. Within a group
    # of values that are joined by layout-agnostic nodes no edge ever needs one.
    groups = _Groups()
    for node in graph.nodes:
        ends = _ends(node)
        if node.layout != "fixed":
            for value in ends[1:]:
                groups.join(ends[0], value)
    # One demand decides for its whole group, since permutes in the middle of a network cost
    # more than NCHW does in nodes that work in any layout.
    demanding = [v for v in [*graph.inputs, *graph.outputs] if v.rank == 4]
    for node in graph.nodes:
        if node.layout == "nchw":
            demanding += _ends(node)
    chosen = {groups.find(value) for value in demanding}
    return {value for value in _values(graph) if groups.find(value) in chosen}


class _Groups:
    """Disjoint sets of values (union-find without ranks)."""

    def __init__(self) -> None:
        self._parent: dict[Value, Value] = {}

    def find(self, value: Value) -> Value:
        while (parent := self._parent.get(value, value)) is not value:
            value = parent
        return value

    def join(self, a: Value, b: Value) -> None:
        self._parent[self.find(a)] = self.find(b)


def _values(graph: Graph) -> list[Value]:
    """Return the rank-4 inputs and computed values of a graph."""
    computed = [value for node in graph.nodes for value in node.outputs]
    return [value for value in graph.inputs + computed if value.rank == 4]


def _ends(node: Node) -> list[Value]:
    """Return the rank-4 inputs and outputs of a node, constants excepted."""
    return [v for v in node.inputs + node.outputs if v.rank == 4 and v.data is None]


def _reordered_constant(value: Value) -> Value:
    """Return a constant input, permuted so that it broadcasts against NCHW values."""
    if value.data is None or value.data.size == 1:
        return value
    # A constant of lower rank broadcasts from the last axis: (C,) against NHWC has to become
    # (C, 1, 1). So it is first given all four axes, then loses the leading ones, as far as it
    # had fewer, which keeps the emitted constant small.
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


def _lifted_operands(node: Elementwise) -> list[Node]:
    """Let operands of lower rank broadcast against NCHW as they did against NHWC.

    Like constants: (C,) becomes (C, 1, 1), (W, C) becomes (C, 1, W), and (H, W, C) becomes
    (C, H, W). Returns the nodes to insert before.
    """
    added: list[Node] = []
    for position, value in enumerate(node.inputs):
        if value.data is not None or not 0 < value.rank < 4:
            continue
        if value.rank > 1:
            added.append(Permute.of(value, (value.rank - 1, *range(value.rank - 1))))
            (value,) = added[-1].outputs
        if value.rank < 3:
            channels, *columns = value.shape
            added.append(Reshape.of(value, (channels, 1, *(columns or [1]))))
            (value,) = added[-1].outputs
        node.inputs[position] = value
    for extra in added:
        extra.operator = node.operator
    return added


def _linear(node: Conv2d) -> Linear:
    """Return a pointwise convolution as a linear layer over the last axis of NHWC."""
    weight = node.parameters["weight"]
    matrix = weight.reshaped((weight.shape[0], weight.shape[3]))
    parameters = {**node.parameters, "weight": matrix}
    return Linear(node.inputs, node.outputs, operator=node.operator, parameters=parameters)


def _permuted(node: Node, images: set[Value]) -> list[Node]:
    """Return a node that requires the file's axis order, with permutes around it."""
    before: list[Node] = []
    after: list[Node] = []
    # A reshape between (N, C, 1, 1) and (N, C), as before a classifier, needs no permute: with
    # one pixel or one channel both layouts have their elements in the same order.
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
    """Return whether an NCHW value has the same order of elements in NHWC."""
    _, channels, height, width = image.shape
    return channels == 1 or height * width == 1
