"""Operators that reduce axes to one number."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.value import N, Shape


@dataclass(eq=False, repr=False)
class Reduce(Node):
    """A ``mean``, ``sum``, ``amax`` or ``amin`` over axes."""

    function: str
    axes: tuple[int, ...]
    keepdim: bool

    @property
    def layout(self) -> str:
        kept = self.inputs[0].rank - len(self.axes)
        # One axis beside the batch has no order that could be wrong.
        return "any" if self.keepdim or kept <= 2 or not self.axes else "fixed"

    def infer(self) -> list[Shape]:
        shape = self.inputs[0].shape
        if self.keepdim:
            return [tuple(1 if i in self.axes else n for i, n in enumerate(shape))]
        return [tuple(n for i, n in enumerate(shape) if i not in self.axes)]

    def follow_batch(self) -> list[Node]:
        """Leave the batch axis alone: over a single sample its reduction is nothing."""
        shape = self.inputs[0].shape
        self.axes = tuple(axis for axis in self.axes if shape[axis] is not N)
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axes = tuple(sorted(order.index(axis) for axis in self.axes))

    def code(self) -> Code:
        if not self.axes:  # only the batch was reduced: see follow_batch
            return Code("x0.clone()")
        dim: Literal = self.axes[0] if len(self.axes) == 1 else self.axes
        return Code(
            f"x0.{self.function}(dim, keepdim=keepdim)",
            {"dim": dim, "keepdim": self.keepdim},
            {"keepdim": False},
        )
