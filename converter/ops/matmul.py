"""BATCH_MATMUL."""

from __future__ import annotations

from dataclasses import dataclass

from converter.errors import InvalidModelError
from converter.graph import BatchError, Code, Node, Shape
from converter.ops.elementwise import broadcast
from converter.ops.registry import OperatorCall, operator


@dataclass(eq=False, repr=False)
class MatMul(Node):
    """Matrix products over the last two axes; each operand may be transposed first."""

    transposed: tuple[bool, bool]

    def infer(self) -> list[Shape]:
        a, b = (value.shape for value in self.inputs)
        rows = a[-1] if self.transposed[0] else a[-2]
        columns = b[-2] if self.transposed[1] else b[-1]
        return [(*broadcast([a[:-2], b[:-2]]), rows, columns)]

    def follow_batch(self) -> list[Node]:
        if len({value.rank for value in self.inputs if value.batched}) > 1:
            raise BatchError("its operands have the batch at different axes")
        if any(value.batched and value.rank == 2 for value in self.inputs):
            raise BatchError("it multiplies by rows that are samples")
        return []

    def code(self) -> Code:
        a, b = (
            f"x{i}.mT" if transposed else f"x{i}"
            for i, transposed in enumerate(self.transposed)
        )
        return Code(f"{a} @ {b}")


@operator("BATCH_MATMUL")
def batch_matmul(call: OperatorCall) -> list[Node]:
    """Options say which operands are transposed; the leading axes broadcast."""
    a, b = call.floating(0), call.floating(1)
    transposed = (bool(call.options.AdjX()), bool(call.options.AdjY()))
    if min(a.rank, b.rank) < 2:
        raise InvalidModelError(
            f"{call.place}: operands {list(a.shape)} and {list(b.shape)} are no "
            "matrices; the file is damaged, fetch it again"
        )
    inner = a.shape[-2 if transposed[0] else -1], b.shape[-1 if transposed[1] else -2]
    if inner[0] != inner[1]:
        raise InvalidModelError(
            f"{call.place}: operands {list(a.shape)} and {list(b.shape)} do not fit; "
            "the file is damaged, fetch it again"
        )
    return [MatMul([a, b], [call.output], transposed)]
