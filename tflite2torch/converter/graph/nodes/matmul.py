"""Batched matrix product."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Node
from tflite2torch.converter.graph.nodes.elementwise import broadcast
from tflite2torch.converter.graph.value import Shape


@dataclass(eq=False, repr=False)
class MatMul(Node):
    """Matrix product over the last two axes; either input may be transposed first."""

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
            f"x{i}.mT" if transposed else f"x{i}" for i, transposed in enumerate(self.transposed)
        )
        return Code(f"{a} @ {b}")
