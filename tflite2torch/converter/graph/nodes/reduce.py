"""Reductions over axes."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.value import N, Shape


@dataclass(eq=False, repr=False)
class Reduce(Node):
    """``mean``, ``sum``, ``amax``, ``amin`` or ``prod`` over axes; ``prod`` over a single one."""

    function: str
    axes: tuple[int, ...]
    keepdim: bool

    @property
    def layout(self) -> str:
        kept = self.inputs[0].rank - len(self.axes)
        # With one axis left besides the batch there is no order to preserve.
        return "any" if self.keepdim or kept <= 2 else "fixed"

    def infer(self) -> list[Shape]:
        shape = self.inputs[0].shape
        if self.keepdim:
            return [tuple(1 if i in self.axes else n for i, n in enumerate(shape))]
        return [tuple(n for i, n in enumerate(shape) if i not in self.axes)]

    def follow_batch(self) -> list[Node]:
        """Do not reduce the batch axis: over a single sample that is the identity."""
        shape = self.inputs[0].shape
        self.axes = tuple(axis for axis in self.axes if shape[axis] is not N)
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axes = tuple(sorted(order.index(axis) for axis in self.axes))

    def code(self) -> Code:
        if not self.axes:  # only the batch axis was listed: see follow_batch
            return Code("x0.clone()")
        dim: Literal = self.axes[0] if len(self.axes) == 1 else self.axes
        return Code(
            f"x0.{self.function}(dim, keepdim=keepdim)",
            {"dim": dim, "keepdim": self.keepdim},
            {"keepdim": False},
        )
