"""Gather, table lookup and arg max."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Node
from tflite2torch.converter.graph.value import Shape


@dataclass(eq=False, repr=False)
class Gather(Node):
    """Selects elements of the first input along an axis, at a vector of constant indices."""

    axis: int

    layout = "any"

    def infer(self) -> list[Shape]:
        x, indices = (value.shape for value in self.inputs)
        return [(*x[: self.axis], indices[0], *x[self.axis + 1 :])]

    def follow_batch(self) -> list[Node]:
        if self.inputs[0].batched and self.axis == 0:
            raise BatchError("it gathers along the batch axis")
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axis = order.index(self.axis)

    def code(self) -> Code:
        return Code("x0.index_select(dim, x1)", {"dim": self.axis})


@dataclass(eq=False, repr=False)
class Lookup(Node):
    """Selects rows of a constant table, the first input, at computed indices."""

    def infer(self) -> list[Shape]:
        table, indices = (value.shape for value in self.inputs)
        return [(*indices, *table[1:])]

    def code(self) -> Code:
        return Code("x0[x1]")


@dataclass(eq=False, repr=False)
class ArgExtreme(Node):
    """Index of the largest (``argmax``) or smallest (``argmin``) element along an axis."""

    function: str
    axis: int

    def infer(self) -> list[Shape]:
        shape = self.inputs[0].shape
        return [(*shape[: self.axis], *shape[self.axis + 1 :])]

    def follow_batch(self) -> list[Node]:
        if self.inputs[0].batched and self.axis == 0:
            raise BatchError("it compares samples with each other")
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axis = order.index(self.axis)

    def code(self) -> Code:
        return Code(f"x0.{self.function}(dim)", {"dim": self.axis})
