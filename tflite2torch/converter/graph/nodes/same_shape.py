"""The base class of nodes whose output has the shape of their first input."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Shape


@dataclass(eq=False, repr=False)
class SameShape(Node):
    """A node whose output has the shape of the first input, in any layout."""

    layout = "any"

    def infer(self) -> list[Shape]:
        return [self.inputs[0].shape]
