"""RESHAPE, TRANSPOSE and other operators that rearrange elements."""

from __future__ import annotations

import math

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    axis_from_front,
    broadcast_shapes,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import (
    BroadcastTo,
    Flip,
    Permute,
    Reshape,
    Tile,
)
from tflite2torch.converter.graph.value import Shape


def reshape_shape(operands: Operands) -> Shapes:
    """Return the requested shape; one size may be -1, to be inferred."""
    elements = math.prod(operands.shape(0))
    asked = _asked_shape(operands)
    if asked is None:
        return [None]
    rest = math.prod(size for size in asked if size != -1)
    if asked.count(-1) == 1 and rest and not elements % rest:
        asked = tuple(elements // rest if size == -1 else size for size in asked)
    if min(asked, default=0) < 0 or math.prod(asked) != elements:
        raise FormatError(f"it cannot make {list(asked)} of {elements} elements")
    return [asked]


def _asked_shape(operands: Operands) -> Shape | None:
    """Return the requested shape, from an input or else from the options."""
    if len(operands.inputs) > 1:
        return operands.integers(1)
    if operands.options is None:
        raise FormatError("it does not say which shape it makes")
    sizes = operands.listed("NewShape")
    return () if sizes == (0,) else sizes  # old converters write (0,) for a scalar


def squeeze_shape(operands: Operands) -> Shapes:
    """Return the shape without the named axes of size one, or without all of these."""
    shape = operands.shape(0)
    axes = {axis_from_front(a, len(shape)) for a in operands.listed("SqueezeDims")}
    axes = axes or {axis for axis, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in axes):
        raise FormatError(f"it cannot drop the axes {sorted(axes)} of {list(shape)}")
    return [tuple(size for axis, size in enumerate(shape) if axis not in axes)]


def expand_dims_shape(operands: Operands) -> Shapes:
    """Return the shape with a new axis of size one."""
    shape, axes = operands.shape(0), operands.integers(1, 1)
    if axes is None:
        return [None]
    axis = axis_from_front(axes[0], len(shape) + 1)
    return [(*shape[:axis], 1, *shape[axis:])]


@operator(
    "RESHAPE",
    shapes=reshape_shape,
    inputs=(1, 2),
    options="ReshapeOptions",
    needs_options=False,
)
@operator("SQUEEZE", shapes=squeeze_shape, options="SqueezeOptions")
@operator("EXPAND_DIMS", shapes=expand_dims_shape, inputs=2)
def reshape(call: OperatorCall) -> list[Node]:
    """Changes the shape to that of the output in the file."""
    x, output = call.input(0), call.output
    # The contract cannot check a computed shape; that of the output is used instead.
    if math.prod(x.shape) != math.prod(output.shape):
        raise NotSupportedError(
            f"it makes {list(output.shape)} of {list(x.shape)} by a computed shape"
        )
    return [Reshape([x], [output], output.shape)]


def transpose_shape(operands: Operands) -> Shapes:
    """Return the shape with permuted axes."""
    shape, axes = operands.shape(0), operands.integers(1)
    if axes is None:
        return [None]
    order = [axis_from_front(axis, len(shape)) for axis in axes]
    if sorted(order) != list(range(len(shape))):
        raise FormatError(f"{list(axes)} does not permute {len(shape)} axes")
    return [tuple(shape[axis] for axis in order)]


@operator("TRANSPOSE", shapes=transpose_shape, inputs=2)
def transpose(call: OperatorCall) -> list[Node]:
    """Permutes the axes in a constant order."""
    x = call.input(0)
    axes = tuple(axis % x.rank for axis in call.integers(1))
    return [Permute([x], [call.output], axes)]


def reverse_shape(operands: Operands) -> Shapes:
    """Return the input's shape; the reversed axes must exist."""
    for axis in operands.integers(1) or ():
        axis_from_front(axis, len(operands.shape(0)))
    return [operands.shape(0)]


@operator("REVERSE_V2", shapes=reverse_shape, inputs=2)
def reverse(call: OperatorCall) -> list[Node]:
    """Reverses constant axes."""
    x = call.input(0)
    return [Flip([x], [call.output], call.axes(1, x.rank))]


def tile_shape(operands: Operands) -> Shapes:
    """Return the shape with each size multiplied."""
    shape = operands.shape(0)
    times = operands.integers(1, len(shape))
    if times is None:
        return [None]
    if min(times, default=0) < 0:
        raise FormatError(f"it repeats {list(times)} times")
    return [tuple(n * t for n, t in zip(shape, times, strict=True))]


@operator("TILE", shapes=tile_shape, inputs=2)
def tile(call: OperatorCall) -> list[Node]:
    """Repeats the input along each axis a constant number of times."""
    multiples = call.integers(1)
    if 0 in multiples:
        raise NotSupportedError(f"it repeats {list(multiples)} times")
    return [Tile([call.input(0)], [call.output], multiples)]


def broadcast_to_shape(operands: Operands) -> Shapes:
    """Return the requested shape, to which the input must broadcast."""
    given, shape = operands.shape(0), operands.integers(1)
    if shape is not None and broadcast_shapes([given, shape]) != shape:
        raise FormatError(f"{list(given)} does not stretch to {list(shape)}")
    return [shape]


@operator("BROADCAST_TO", shapes=broadcast_to_shape, inputs=2)
def broadcast_to(call: OperatorCall) -> list[Node]:
    """Broadcasts to a constant shape."""
    return [BroadcastTo([call.input(0)], [call.output], call.integers(1))]
