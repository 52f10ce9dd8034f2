"""GATHER, ARG_MAX and ARG_MIN."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    axis_from_front,
)
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


def gather_shape(operands: Operands) -> Shapes:
    """Return the shape of elements gathered along an axis."""
    shape, wanted = operands.shape(0), operands.shape(1)
    axis = axis_from_front(operands.options.Axis(), len(shape))
    batch = operands.options.BatchDims()
    batch = batch + len(wanted) if batch < 0 else batch
    if not 0 <= batch <= min(axis, len(wanted)) or shape[:batch] != wanted[:batch]:
        raise FormatError(f"{list(wanted)} indices do not fit axis {axis} of {shape}")
    operands.check_indices(1, shape[axis])
    return [(*shape[:axis], *wanted[batch:], *shape[axis + 1 :])]


@operator("GATHER", shapes=gather_shape, inputs=2, options="GatherOptions")
def gather(call: OperatorCall) -> list[Node]:
    """Gathers at constant indices along any axis, or at computed ones from a constant table."""
    x, indices, options = call.input(0), call.input(1), call.options
    if options.BatchDims():
        raise NotSupportedError(f"its batch_dims is {options.BatchDims()}")
    axis = options.Axis() % x.rank
    if indices.data is None:
        if x.data is None or axis != 0:
            raise NotSupportedError("both what it indexes and its indices are computed")
        return [Lookup([x, indices], [call.output])]
    if indices.rank == 0:
        index: list[Index] = [FULL] * x.rank
        index[axis] = int(indices.data)
        return [Slice([x], [call.output], tuple(index))]
    if indices.rank != 1:
        raise NotSupportedError(f"its indices have {indices.rank} axes")
    return [Gather([x, indices], [call.output], axis)]


def arg_extreme_shape(operands: Operands) -> Shapes:
    """Return the input's shape without the reduced axis."""
    shape, axes = operands.shape(0), operands.integers(1, 1)
    if axes is None:
        return [None]
    axis = axis_from_front(axes[0], len(shape))
    return [(*shape[:axis], *shape[axis + 1 :])]


@operator("ARG_MAX", shapes=arg_extreme_shape, inputs=2, options="ArgMaxOptions", gives=None)
@operator("ARG_MIN", shapes=arg_extreme_shape, inputs=2, options="ArgMinOptions", gives=None)
def arg_extreme(call: OperatorCall) -> list[Node]:
    """Index of the first maximum or minimum along a constant axis."""
    x, output = call.floating(0), call.output
    (axis,) = call.axes(1, x.rank)
    function = "argmax" if call.operator.name == "ARG_MAX" else "argmin"
    found = Value(output.name, output.shape, "int64")
    return [ArgExtreme([x], [found], function, axis), Cast([found], [output])]
