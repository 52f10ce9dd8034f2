"""GATHER, ARG_MAX and ARG_MIN: operators that take or give indices."""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Cast
from tflite2torch.converter.graph.nodes.index import ArgExtreme, Gather, Lookup
from tflite2torch.converter.graph.nodes.slicing import FULL, Index, Slice
from tflite2torch.converter.graph.value import Value


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


@operator("ARG_MAX", "ARG_MIN")
def arg_extreme(call: OperatorCall) -> list[Node]:
    """Its second operand holds the axis; of equal elements the first counts."""
    x, output = call.floating(0), call.output
    (axis,) = call.axes(call.integers(1), x.rank)
    function = "argmax" if call.operator.name == "ARG_MAX" else "argmin"
    found = Value(output.name, output.shape, "int64")
    nodes: list[Node] = [ArgExtreme([x], [found], function, axis)]
    return [*nodes, Cast([found], [output])]
