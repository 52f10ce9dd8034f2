"""TFLite tensors that were folded into layers, and how they follow from what is left.

A module of ``nn.LayerNorm`` has no value for the ten tensors that spell one out in TFLite,
and one whose convolution pads has none for the PAD before it. Such a tensor follows from
values that the module does give, by the operators of the literal graph that lie between.
Carried out on the module's own values, they tell whether its surroundings lead to the same
tensor as TFLite's do. That is less than to find the tensor in the module, and reports keep
both apart.

What holds weights is never carried out again: it would compare the file with itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.passes.tidy import does_nothing
from tflite2torch.parity.align.trace import Layer, Trace
from tflite2torch.parity.align.unfused import Carried


@dataclass(frozen=True)
class Folded:
    """A node that is carried out again.

    Attributes:
        carried: the node. It takes values that the module gives, and results of others.
        layer: how reports call what it gives; None where that is not to be compared.
    """

    carried: Carried
    layer: Layer | None

    @property
    def node(self) -> Node:
        """The node."""
        return self.carried.node


def find_folded(
    literal: Graph, told: Trace, trace: Trace, operators: Mapping[int, str]
) -> list[Folded]:
    """Return what gives the tensors that a conversion has folded away, in order.

    Args:
        literal: the model's literal graph.
        told: what the emitted module does.
        trace: what the module does that is compared, which may be another.
        operators: the TFLite operators that give the tensors, by their index.
    """
    given = {value.tensor for value in literal.inputs} | set(givers(told))
    lost = [v for n in literal.nodes for v in n.outputs if v.tensor not in given]
    nodes = _nodes_for(literal, set(lost))
    receivers = _receivers(literal, trace)
    layers: dict[Node, Layer] = {}
    for node in nodes:
        value = node.outputs[0]
        operator = operators.get(-1 if value.tensor is None else value.tensor)
        if value.batched and operator is not None and value in receivers:
            inside = receivers[value].name
            name = f"{inside}: {operator} {value.tensor}"
            layers[node] = Layer(name, operator, None, tuple(node.outputs), inside)
    return [Folded(Carried(n), layers.get(n)) for n in _needed(nodes, layers)]


def relabelled(literal: Graph, other: Graph) -> Graph | None:
    """Return another model's literal graph as one of this model's tensors.

    None where the two do not do the same, whatever the numbers of their weights are.
    """
    nodes = zip(literal.nodes, other.nodes, strict=False)
    same = len(literal.nodes) == len(other.nodes)
    if not same or any(_does(a) != _does(b) for a, b in nodes):
        return None
    pairs = [(literal.inputs, other.inputs)]
    pairs += [
        (a.outputs, b.outputs) for a, b in zip(literal.nodes, other.nodes, strict=True)
    ]
    for ours, theirs in pairs:
        for value, changed in zip(ours, theirs, strict=True):
            changed.name, changed.tensor = value.name, value.tensor
    return other


def givers(trace: Trace) -> dict[int, tuple[Layer, int]]:
    """Map the tensors that a module gives to the first layer that does, and its place."""
    found: dict[int, tuple[Layer, int]] = {}
    for layer in trace.layers:
        for place, value in layer.compared.items():
            if value.tensor is not None:
                found.setdefault(value.tensor, (layer, place))
    return found


def _nodes_for(literal: Graph, lost: set[Value]) -> list[Node]:
    """Return what gives values that are lost, from such that are not."""
    users, twins = literal.users(), _twins(literal)
    known = {v for n in literal.nodes for v in n.outputs if v not in lost}
    known.update(literal.inputs)
    nodes: list[Node] = []
    for node in literal.nodes:
        if lost.isdisjoint(node.outputs):
            continue
        if node.layer() is None and known.issuperset(operands(node)):
            found = [node]
        else:
            found = []
            for value in lost.intersection(node.outputs):
                copies = _copies(value, twins, users)
                found += [c for c in copies if known.issuperset(c.inputs)][:1]
        nodes += found
        known.update(v for made in found for v in made.outputs)
    return nodes


def operands(node: Node) -> list[Value]:
    """Return what a node takes, its constants aside."""
    return [value for value in node.inputs if value.data is None]


def _copies(
    value: Value, twins: Mapping[Value, Value], users: Mapping[Value, list[Node]]
) -> Iterator[Node]:
    """Yield what would give a value from one that has the same elements."""
    if value in twins:
        yield Reshape([twins[value]], [value], value.shape)
    for node in users.get(value, ()):
        if isinstance(node, Permute):
            back = tuple(node.axes.index(axis) for axis in range(len(node.axes)))
            yield Permute(list(node.outputs), [value], back)
        elif isinstance(node, Reshape) or does_nothing(node):
            yield Reshape(list(node.outputs), [value], value.shape)


def _twins(literal: Graph) -> dict[Value, Value]:
    """Map results to those of an earlier node that does the same to the same."""
    first: dict[object, Node] = {}
    twins: dict[Value, Value] = {}
    for node in literal.nodes:
        takes = [_identity(twins.get(v, v)) for v in node.inputs]
        weights = [(k, *_identity(v)) for k, v in node.parameters.items()]
        earlier = first.setdefault((_does(node), *takes, *weights), node)
        if earlier is not node:
            twins |= dict(zip(node.outputs, earlier.outputs, strict=True))
    return twins


def _does(node: Node) -> str:
    """Return what a node does to its operands."""
    return repr(node.layer() or node.code())


def _identity(value: Value) -> tuple[object, ...]:
    """Return what two values share that are the same constant, or the same result."""
    constant = value.data is not None and value.tensor is not None
    return (value.tensor, value.order) if constant else (id(value),)


def _receivers(literal: Graph, trace: Trace) -> dict[Value, Layer]:
    """Map values to the first layer that computes what they are for."""
    layers, users = givers(trace), literal.users()
    order = {layer: place for place, layer in enumerate(trace.layers)}
    found: dict[Value, Layer] = {}
    for node in reversed(literal.nodes):  # those that read a value come before it
        for value in node.outputs:
            reached = [
                layers[result.tensor][0] if result.tensor in layers else found[result]
                for user in users.get(value, ())
                for result in user.outputs
                if result.tensor in layers or result in found
            ]
            if reached:
                found[value] = min(reached, key=order.__getitem__)
    return found


def _needed(nodes: Sequence[Node], layers: Mapping[Node, Layer]) -> list[Node]:
    """Return the nodes that are compared, or that others of these take."""
    kept: list[Node] = []
    read: set[Value] = set()
    for node in reversed(nodes):
        if node in layers or not read.isdisjoint(node.outputs):
            kept.append(node)
            read.update(node.inputs)
    return kept[::-1]
