"""Concatenation."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Node
from tflite2torch.converter.graph.nodes.shape import Expand
from tflite2torch.converter.graph.value import N, Shape


@dataclass(eq=False, repr=False)
class Concat(Node):
    """Concatenates the inputs along an axis."""

    axis: int

    layout = "any"

    def infer(self) -> list[Shape]:
        shapes = [value.shape for value in self.inputs]
        total = sum(shape[self.axis] for shape in shapes)
        return [(*shapes[0][: self.axis], total, *shapes[0][self.axis + 1 :])]

    def follow_batch(self) -> list[Node]:
        """Expand constant inputs to the batch size."""
        batched = next((value for value in self.inputs if value.batched), None)
        if batched is None:
            return []
        if batched.shape[self.axis] is N:
            raise BatchError("it joins along the batch axis")
        added: list[Node] = []
        for position, value in enumerate(self.inputs):
            if not value.batched:
                node = Expand.of(value, batched)
                self.inputs[position] = node.outputs[0]
                added.append(node)
        return added

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axis = order.index(self.axis)

    def code(self) -> Code:
        inputs = ", ".join(f"x{i}" for i in range(len(self.inputs)))
        return Code(f"torch.cat([{inputs}], dim=dim)", {"dim": self.axis}, {"dim": 0})
