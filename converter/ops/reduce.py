"""Operators that reduce axes to one number."""

from __future__ import annotations

from dataclasses import dataclass

from converter.graph import Code, Literal, N, Node, Shape, Value
from converter.ops.registry import OperatorCall, operator
from converter.ops.shape import Reshape

FUNCTIONS = {"MEAN": "mean", "SUM": "sum", "REDUCE_MAX": "amax", "REDUCE_MIN": "amin"}


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
        return "any" if self.keepdim or kept <= 2 else "tflite"

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


@operator(*FUNCTIONS)
def reduce(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axes; an option, whether they stay as 1."""
    x = call.floating(0)
    axes = call.axes(call.integers(1), x.rank)
    function = FUNCTIONS[call.operator.name]
    return [Reduce([x], [call.output], function, axes, bool(call.options.KeepDims()))]


@operator("REDUCE_PROD")
def reduce_prod(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axes, which torch multiplies one by one."""
    x = call.floating(0)
    axes = call.axes(call.integers(1), x.rank)
    nodes: list[Node] = []
    for axis in reversed(axes):
        node = Reduce([x], [], "prod", (axis,), bool(call.options.KeepDims()))
        x = Value(x.name, node.infer()[0], x.dtype)
        node.outputs = [x]
        nodes.append(node)
    if not nodes:
        return [Reshape([x], [call.output], x.shape)]
    nodes[-1].outputs = [call.output]
    return nodes
