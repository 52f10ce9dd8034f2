"""Operators that unpack stored weights: what they make is a constant, not a step."""

from __future__ import annotations

from converter.graph import Node
from converter.ops.registry import NotSupportedError, OperatorCall, operator


@operator("DEQUANTIZE")
def dequantize(call: OperatorCall) -> list[Node]:
    """float16 stays stored as it is: it widens exactly when the weights are written."""
    stored, output = call.input(0), call.output
    if stored.data is None:
        raise NotSupportedError(
            "its input is computed: integer arithmetic is not converted"
        )
    if stored.dtype != "float16":
        raise NotSupportedError(f"its input is {stored.dtype}, not float16")
    output.name, output.tensor, output.data = stored.name, stored.tensor, stored.data
    return []
