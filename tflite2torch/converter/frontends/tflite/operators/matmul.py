"""BATCH_MATMUL."""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.matmul import MatMul


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
