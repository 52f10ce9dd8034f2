"""A model as nodes and values; what front ends build, passes rewrite and the writer prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tflite2torch.converter.graph.metadata import ModelMetadata
from tflite2torch.converter.graph.node import BatchError, Node
from tflite2torch.converter.graph.traversal import (
    producers_of,
    reached_outputs,
    sole_users_of,
    users_of,
)
from tflite2torch.converter.graph.value import N, Value


class GraphError(AssertionError):
    """A graph that breaks an invariant; the message says where, and which one."""


@dataclass(eq=False)
class Graph:
    """A model: nodes in an order in which they can run.

    Attributes:
        name: lowercase identifier of the model.
        label: how messages name the file that it came from.
        inputs: what the caller gives, in the file's order.
        outputs: what the caller gets, in the file's order.
        nodes: the steps.
        input_names: what the inputs are called in source and documentation.
        output_names: likewise.
        metadata: names, descriptions and value ranges that the file states.
    """

    name: str
    label: str
    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    metadata: ModelMetadata = field(default_factory=ModelMetadata)

    def producers(self) -> dict[Value, Node]:
        """Map every computed value to the node that computes it."""
        return producers_of(self.nodes)

    def users(self) -> dict[Value, list[Node]]:
        """Map every value to the nodes that read it, once for each time they do."""
        return users_of(self.nodes)

    def sole_users(self) -> dict[Value, Node]:
        """Map every value that is read once, and is no output, to the node that reads it."""
        return sole_users_of(self.nodes, self.outputs)

    def reached_outputs(self) -> dict[Node, set[Value]]:
        """Map each node to the outputs that depend on it."""
        return reached_outputs(self.nodes, self.outputs)

    def replace(self, old: Value, new: Value) -> None:
        """Make everything that reads ``old``, the graph's outputs included, read ``new``."""
        for node in self.nodes:
            node.read_instead({old: new})
        self.outputs = [new if value is old else value for value in self.outputs]

    def verify(self) -> None:
        """Raise GraphError unless the graph can run as it stands.

        Every value that is read is an input, a constant, or computed earlier; none is
        computed twice; each has the shape that its node infers; all outputs exist, and
        have a name each if any has. Constants have the shape of what they hold, images four
        axes, and provenance an entry for each axis. The same holds inside nodes that consist
        of others.
        """
        _verify(self.label, self.nodes, self.inputs, self.outputs)
        for kind, values, names in (
            ("inputs", self.inputs, self.input_names),
            ("outputs", self.outputs, self.output_names),
        ):
            if names and len(names) != len(values):
                raise GraphError(f"{self.label}: {len(names)} names for {len(values)} {kind}")

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.inputs} -> {self.outputs}"]
        return "\n".join(lines + [f"  {node!r}" for node in self.nodes])


def _verify(
    where: str,
    nodes: Sequence[Node],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
) -> None:
    known = set(inputs)
    for place, node in enumerate(nodes):
        here = f"{where}, node {place}: {node!r}"
        for value in (*node.inputs, *node.parameters.values(), *node.outputs):
            _verify_value(here, value)
        for value in node.inputs:
            if value.data is None and value not in known:
                raise GraphError(f"{here} reads {value!r}, which nothing before it gives")
        for name, value in node.parameters.items():
            if value.data is None:
                raise GraphError(f"{here} has a {name} that is computed")
        for value in node.outputs:
            if value in known or value.data is not None:
                raise GraphError(f"{here} gives {value!r}, which exists already")
        known.update(node.outputs)
        if node.inner:
            _verify(here, node.inner, node.inputs, node.outputs)
        else:
            _verify_shapes(here, node)
    for value in outputs:
        if value.data is None and value not in known:
            raise GraphError(f"{where}: nothing gives the output {value!r}")


def _verify_value(here: str, value: Value) -> None:
    if value.data is not None and value.data.shape != value.shape:
        raise GraphError(f"{here}: {value!r} holds {list(value.data.shape)}")
    if value.image and value.rank != 4:
        raise GraphError(f"{here}: {value!r} is no image, which has four axes")
    # A constant may lack axes of one that its tensor has.
    computed = value.data is None and value.origin is not None
    if computed and len(value.permutation) != value.rank:
        raise GraphError(f"{here}: {value!r} is permuted by {value.permutation}")


def _verify_shapes(here: str, node: Node) -> None:
    try:
        shapes = node.infer()
    except BatchError as error:
        raise GraphError(f"{here}: {error}") from error
    for value, inferred in zip(node.outputs, shapes, strict=True):
        # N equals 1, so that sizes alone would not tell the batch from an axis of one.
        if [(n, n is N) for n in inferred] != [(n, n is N) for n in value.shape]:
            raise GraphError(f"{here} gives {list(inferred)}, stated as {list(value.shape)}")
