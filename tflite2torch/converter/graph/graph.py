"""The graph that travels from the reader through the passes to the writer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value


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
    """

    name: str
    label: str
    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)

    def producers(self) -> dict[Value, Node]:
        """Map every computed value to the node that computes it."""
        return {value: node for node in self.nodes for value in node.outputs}

    def users(self) -> dict[Value, list[Node]]:
        """Map every value to the nodes that read it, once for each time they do."""
        users: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                users.setdefault(value, []).append(node)
        return users

    def replace(self, old: Value, new: Value) -> None:
        """Make everything that reads ``old``, the graph's outputs included, read ``new``."""
        for node in self.nodes:
            node.inputs = [new if value is old else value for value in node.inputs]
        self.outputs = [new if value is old else value for value in self.outputs]

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.inputs} -> {self.outputs}"]
        return "\n".join(lines + [f"  {node!r}" for node in self.nodes])
