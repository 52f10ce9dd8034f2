"""Operators that normalize along one axis."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code
from tflite2torch.converter.graph.nodes.pointwise import SameShape

TEMPLATES = {
    "softmax": "F.softmax(x0, dim=dim)",
    "log_softmax": "F.log_softmax(x0, dim=dim)",
    # Source of the 1e-6: L2Normalization in kernels/internal/reference/l2normalization.h
    "l2": "F.normalize(x0, dim=dim, eps=1e-6)",
}


@dataclass(eq=False, repr=False)
class Normalize(SameShape):
    """A ``softmax``, ``log_softmax`` or ``l2`` normalization along an axis."""

    function: str
    axis: int

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axis = order.index(self.axis)

    def code(self) -> Code:
        return Code(TEMPLATES[self.function], {"dim": self.axis})
