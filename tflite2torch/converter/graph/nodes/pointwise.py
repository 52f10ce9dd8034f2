"""What nodes have in common whose result has the shape of their only operand."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Shape


@dataclass(eq=False, repr=False)
class SameShape(Node):
    """A node that gives its operand's shape, and works in any layout."""

    @property
    def layout(self) -> str:
        return "any"

    def infer(self) -> list[Shape]:
        return [self.inputs[0].shape]
