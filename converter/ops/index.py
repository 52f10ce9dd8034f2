"""GATHER, ARG_MAX and ARG_MIN: operators that take or give indices."""

from __future__ import annotations

from dataclasses import dataclass

from converter.errors import InvalidModelError
from converter.graph import BatchError, Code, Node, Shape, Value
from converter.ops.elementwise import Cast
from converter.ops.registry import NotSupportedError, OperatorCall, operator
from converter.ops.slicing import FULL, Index, Slice


@dataclass(eq=False, repr=False)
class Gather(Node):
    """Elements of ``x`` along an axis, at constant indices of one axis."""

    axis: int

    @property
    def layout(self) -> str:
        return "any"

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
    """Rows of a constant table, at computed indices."""

    def infer(self) -> list[Shape]:
        table, indices = (value.shape for value in self.inputs)
        return [(*indices, *table[1:])]

    def code(self) -> Code:
        return Code("x0[x1]")


@operator("GATHER")
def gather(call: OperatorCall) -> list[Node]:
    """Constant indices along any axis, or computed ones into a constant table."""
    x, indices, options = call.input(0), call.input(1), call.options
    if options.BatchDims():
        raise NotSupportedError(f"its batch_dims is {options.BatchDims()}")
    (axis,) = call.axes((options.Axis(),), x.rank)
    if indices.data is None:
        if x.data is None or axis != 0:
            raise NotSupportedError("both what it indexes and its indices are computed")
        return [Lookup([x, indices], [call.output])]
    places = call.integers(1)
    if min(places, default=0) < 0 or max(places, default=-1) >= x.shape[axis]:
        raise InvalidModelError(
            f"{call.place}: indices up to {max(places, default=-1)} of {x.shape[axis]}; "
            "the file is damaged, fetch it again"
        )
    if indices.rank == 0:
        index: list[Index] = [FULL] * x.rank
        index[axis] = places[0]
        return [Slice([x], [call.output], tuple(index))]
    if indices.rank != 1:
        raise NotSupportedError(f"its indices have {indices.rank} axes")
    return [Gather([x, indices], [call.output], axis)]


@dataclass(eq=False, repr=False)
class ArgExtreme(Node):
    """The index of the largest (``argmax``) or smallest element along an axis."""

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


@operator("ARG_MAX", "ARG_MIN")
def arg_extreme(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axis; of equal elements the first counts."""
    x, output = call.floating(0), call.output
    (axis,) = call.axes(call.integers(1), x.rank)
    function = "argmax" if call.operator.name == "ARG_MAX" else "argmin"
    found = Value(output.name, output.shape, "int64")
    nodes: list[Node] = [ArgExtreme([x], [found], function, axis)]
    return [*nodes, Cast([found], [output])]
