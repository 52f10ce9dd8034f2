"""TFLite tensors that were folded into layers, computed from values of the module.

The emitted module has no value for the ten tensors that a LayerNorm is spelled out with in
TFLite, nor for the PAD before a convolution that pads by itself. Such a tensor follows from
values that the module does compute, by the nodes of the unfused graph that lie between.
Evaluated on the module's own values, they show whether the values around a layer lead to the same
tensor as in TFLite. That is weaker than finding the tensor in the module, so reports mark it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.passes.dead_code_elimination import is_identity
from tflite2torch.parity.align.trace import Layer, Trace
from tflite2torch.parity.align.unfused import Evaluated
from tflite2torch.parity.align.values import tensor_of


@dataclass(frozen=True)
class Folded:
    """A node of the unfused graph that is evaluated on values of the module.

    Attributes:
        evaluated: the node. Its operands are values of the module, or results of others.
        layer: how reports call its results; None where they are not compared.
    """

    evaluated: Evaluated
    layer: Layer | None

    @property
    def node(self) -> Node:
        """The node."""
        return self.evaluated.node


def find_folded(
    unfused: Graph, emitted: Trace, trace: Trace, operators: Mapping[int, str]
) -> list[Folded]:
    """Return the nodes that compute the tensors that a conversion has folded, in order.

    Args:
        unfused: the model's unfused graph.
        emitted: the operations of the emitted module.
        trace: the operations of the module that is compared, which may be another one.
        operators: the TFLite operator that computes each tensor, by its index.
    """
    given = {tensor_of(value) for value in unfused.inputs} | set(emitted.givers())
    lost = {v for n in unfused.nodes for v in n.outputs if tensor_of(v) not in given}
    nodes = _nodes_for(unfused, lost)
    receivers = _receivers(unfused, trace)
    layers: dict[Node, Layer] = {}
    for node in nodes:
        value = node.outputs[0]
        tensor = tensor_of(value)
        operator = None if tensor is None else operators.get(tensor)
        if value.batched and operator is not None and value in receivers:
            inside = receivers[value].name
            name = f"{inside}: {operator} {tensor}"
            layers[node] = Layer(name, operator, None, tuple(node.outputs), inside)
    return [Folded(Evaluated(n), layers.get(n)) for n in _needed(nodes, layers)]


def relabelled(unfused: Graph, other: Graph) -> Graph | None:
    """Return another model's unfused graph, with its values mapped to this model's tensors.

    None where the two graphs differ in more than the numbers of their weights.
    """
    nodes = zip(unfused.nodes, other.nodes, strict=False)
    same = len(unfused.nodes) == len(other.nodes)
    if not same or any(_does(a) != _does(b) for a, b in nodes):
        return None
    pairs = [(unfused.inputs, other.inputs)]
    pairs += [(a.outputs, b.outputs) for a, b in zip(unfused.nodes, other.nodes, strict=True)]
    for ours, theirs in pairs:
        for value, changed in zip(ours, theirs, strict=True):
            changed.name, changed.origin = value.name, value.origin
    return other


def operands(node: Node) -> list[Value]:
    """Return a node's inputs, its constants aside."""
    return [value for value in node.inputs if value.data is None]


def _nodes_for(unfused: Graph, lost: set[Value]) -> list[Node]:
    """Return nodes that compute lost values from values that are not lost."""
    users, twins = unfused.users(), _twins(unfused)
    known = {v for n in unfused.nodes for v in n.outputs if v not in lost}
    known.update(unfused.inputs)
    nodes: list[Node] = []
    for node in unfused.nodes:
        if lost.isdisjoint(node.outputs):
            continue
        # A node with weights is never evaluated: it has the file's weights, not the
        # module's, so that TFLite would be compared with itself and always pass. Its
        # result can still be had from a value with the same elements.
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


def _copies(
    value: Value, twins: Mapping[Value, Value], users: Mapping[Value, list[Node]]
) -> Iterator[Node]:
    """Yield nodes that would compute a value from one that has the same elements."""
    if value in twins:
        yield Reshape([twins[value]], [value], value.shape)
    # A permutation or reshape of it can be undone: backwards, from the user's result.
    for node in users.get(value, ()):
        if isinstance(node, Permute):
            back = tuple(node.axes.index(axis) for axis in range(len(node.axes)))
            yield Permute(list(node.outputs), [value], back)
        elif isinstance(node, Reshape) or is_identity(node):
            yield Reshape(list(node.outputs), [value], value.shape)


def _twins(unfused: Graph) -> dict[Value, Value]:
    """Map values to those that an earlier, equal node computes from the same operands.

    The converter merges such nodes (common subexpression elimination), so that the module
    computes only the first one's.
    """
    first: dict[object, Node] = {}
    twins: dict[Value, Value] = {}
    for node in unfused.nodes:
        takes = [_identity(twins.get(v, v)) for v in node.inputs]
        weights = [(k, *_identity(v)) for k, v in node.parameters.items()]
        earlier = first.setdefault((_does(node), *takes, *weights), node)
        if earlier is not node:
            twins |= dict(zip(node.outputs, earlier.outputs, strict=True))
    return twins


def _does(node: Node) -> str:
    """Return the text of a node's layer or expression, without its operands."""
    return repr(node.layer() or node.code())


def _identity(value: Value) -> tuple[object, ...]:
    """Return a key that equals another value's if both are one constant, or one result."""
    constant = value.data is not None and tensor_of(value) is not None
    return (tensor_of(value), value.permutation) if constant else (id(value),)


def _receivers(unfused: Graph, trace: Trace) -> dict[Value, Layer]:
    """Map each value to the first layer that a value computed from it reaches."""
    order = {layer: place for place, layer in enumerate(trace.layers)}
    givers: dict[int | None, Layer] = {t: x for t, (x, _) in trace.givers().items()}
    found: dict[Value, Layer] = {}
    for node in reversed(unfused.nodes):  # users before what they read
        # Either the module computes the node's result, or that was folded itself.
        reached = [givers.get(tensor_of(v)) or found.get(v) for v in node.outputs]
        for value in node.inputs:
            layers = [x for x in (*reached, found.get(value)) if x is not None]
            if layers:
                found[value] = min(layers, key=order.__getitem__)
    return found


def _needed(nodes: Sequence[Node], layers: Mapping[Node, Layer]) -> list[Node]:
    """Return the nodes that are compared, and those that these depend on."""
    kept: list[Node] = []
    read: set[Value] = set()
    for node in reversed(nodes):
        if node in layers or not read.isdisjoint(node.outputs):
            kept.append(node)
            read.update(node.inputs)
    return kept[::-1]
