"""Operators that normalize along one axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from converter.graph import Code, Node, Value
from converter.ops.elementwise import Elementwise
from converter.ops.pointwise import SameShape
from converter.ops.registry import OperatorCall, operator, shortest

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


@operator("SOFTMAX")
def softmax(call: OperatorCall) -> list[Node]:
    """Over the last axis, of ``beta * x``."""
    x, nodes = call.floating(0), list[Node]()
    beta = shortest(call.options.Beta())
    if beta != 1:
        factor = Value("beta", (), "float32", data=np.array(beta, np.float32))
        scaled = Value(x.name, x.shape, x.dtype)
        nodes.append(Elementwise([x, factor], [scaled], "mul"))
        x = scaled
    return [*nodes, Normalize([x], [call.output], "softmax", x.rank - 1)]


@operator("LOG_SOFTMAX")
def log_softmax(call: OperatorCall) -> list[Node]:
    """Over the last axis."""
    x = call.floating(0)
    return [Normalize([x], [call.output], "log_softmax", x.rank - 1)]


@operator("L2_NORMALIZATION")
def l2_normalization(call: OperatorCall) -> list[Node]:
    """Over the last axis, then an activation."""
    x = call.floating(0)
    activation = call.activation(call.options.FusedActivationFunction())
    return [Normalize([x], [call.output], "l2", x.rank - 1, activation=activation)]
