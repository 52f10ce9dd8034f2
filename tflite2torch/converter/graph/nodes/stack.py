"""Stacking along a new axis."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Node
from tflite2torch.converter.graph.value import Shape


@dataclass(eq=False, repr=False)
class Stack(Node):
    """Stacks the inputs along a new axis."""

    axis: int

    def infer(self) -> list[Shape]:
        shape = self.inputs[0].shape
        return [(*shape[: self.axis], len(self.inputs), *shape[self.axis :])]

    def follow_batch(self) -> list[Node]:
        if len({value.batched for value in self.inputs}) > 1:
            raise BatchError("it stacks constants with samples")
        if self.inputs[0].batched and self.axis == 0:
            raise BatchError("it stacks before the batch axis")
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        if order[0] == -1:  # the new batch axis stays first
            self.axis += 1

    def code(self) -> Code:
        inputs = ", ".join(f"x{i}" for i in range(len(self.inputs)))
        return Code(f"torch.stack([{inputs}], dim=dim)", {"dim": self.axis}, {"dim": 0})
