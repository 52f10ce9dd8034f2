"""BATCH_MATMUL."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    broadcast_shapes,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.matmul import MatMul


def batch_matmul_shape(operands: Operands) -> Shapes:
    """Return the shape of the products of two batches of matrices."""
    left, right = operands.shape(0), operands.shape(1)
    if min(len(left), len(right)) < 2:
        raise FormatError(f"{list(left)} and {list(right)} are not matrices")
    rows, inner = left[-2:][::-1] if operands.options.AdjX() else left[-2:]
    other, columns = right[-2:][::-1] if operands.options.AdjY() else right[-2:]
    if inner != other:
        raise FormatError(f"{list(left)} and {list(right)} do not fit for a product")
    return [(*broadcast_shapes([left[:-2], right[:-2]]), rows, columns)]


@operator("BATCH_MATMUL", shapes=batch_matmul_shape, inputs=2, options="BatchMatMulOptions")
def batch_matmul(call: OperatorCall) -> list[Node]:
    """Batched matrix product; either input may be transposed, the leading axes broadcast."""
    transposed = (bool(call.options.AdjX()), bool(call.options.AdjY()))
    return [MatMul([call.floating(0), call.floating(1)], [call.output], transposed)]
