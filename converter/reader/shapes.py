"""Which shapes TFLite's operators give: one rule for each family of them.

A rule gets an operator with its operands, as the file has them, and returns the shapes of
its outputs; None where a computed operand decides. It raises FormatError where operands,
constants and options do not fit each other. The semantics are those of TensorFlow Lite's
kernels (``Prepare`` in ``tensorflow/lite/kernels``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from converter.graph import Shape
from converter.reader.flatbuffer import FormatError

if TYPE_CHECKING:
    from converter.reader.model import Operator, Tensor

Shapes = Sequence["Shape | None"]


@dataclass(frozen=True)
class Call:
    """An operator of a file with its operands; None where an optional one is left out."""

    operator: Operator
    inputs: list[Tensor | None]
    outputs: list[Tensor]

    @property
    def options(self) -> Any:
        """Its options, of the class that its contract asks for."""
        return self.operator.options

    def tensor(self, position: int) -> Tensor:
        """Return an operand that has to be there."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise FormatError(f"it lacks its input {position}")
        return tensor

    def shape(self, position: int, rank: int | None = None) -> Shape:
        """Return an operand's shape, which has as many axes as asked for."""
        shape = self.tensor(position).shape
        if rank not in (None, len(shape)):
            raise FormatError(
                f"its input {position} of {list(shape)} must have {rank} axes"
            )
        return shape

    def shapes(self) -> list[Shape]:
        """Return the shapes of all operands."""
        return [self.shape(position) for position in range(len(self.inputs))]

    def integers(self, position: int) -> tuple[int, ...] | None:
        """Return a constant operand of integers; None where it is computed."""
        tensor = self.tensor(position)
        if tensor.dtype not in ("int32", "int64"):
            raise FormatError(f"its input {position} is {tensor.dtype}, not integers")
        if tensor.data is None:
            return None
        if tensor.data.size > 2**16:
            raise FormatError(f"its input {position} has {tensor.data.size} elements")
        return tuple(tensor.data.reshape(-1).tolist())


Rule = Callable[[Call], Shapes]


def same(call: Call) -> Shapes:
    """Every output is like the first operand."""
    return [call.shape(0)] * len(call.outputs)


def broadcast(call: Call) -> Shapes:
    """All operands are stretched to one shape."""
    return [_broadcast(call.shapes())]


def prelu(call: Call) -> Shapes:
    """The slopes are stretched to the input."""
    if _broadcast(call.shapes()) != call.shape(0):
        raise FormatError(f"its slopes {list(call.shape(1))} do not fit its input")
    return [call.shape(0)]


def conv_2d(call: Call) -> Shapes:
    """Filters (O, H, W, I / groups)."""
    batch, *size, channels = call.shape(0, 4)
    filters, *kernel, depth = call.shape(1, 4)
    if depth < 1 or channels % depth or not channels or filters % (channels // depth):
        raise FormatError(
            f"{filters} filters of {depth} channels do not fit {channels} channels"
        )
    _bias(call, 2, filters)
    return [(batch, *_window(call.options, size, kernel), filters)]


def depthwise_conv_2d(call: Call) -> Shapes:
    """Filters (1, H, W, C * multiplier)."""
    batch, *size, channels = call.shape(0, 4)
    one, *kernel, filters = call.shape(1, 4)
    if one != 1 or channels < 1 or filters % channels:
        raise FormatError(
            f"its filters {list(call.shape(1))} do not fit {channels} channels"
        )
    _bias(call, 2, filters)
    return [(batch, *_window(call.options, size, kernel), filters)]


def transpose_conv(call: Call) -> Shapes:
    """The shape of the output, filters (O, H, W, I), the input, perhaps a bias."""
    filters, *kernel, depth = call.shape(1, 4)
    batch, *size, channels = call.shape(2, 4)
    if depth != channels:
        raise FormatError(f"filters of {depth} channels do not fit {channels}")
    if len(call.inputs) > 3:
        _bias(call, 3, filters)
    _positive("kernel", kernel)
    _positive("stride", [call.options.StrideH(), call.options.StrideW()])
    _padding(call.options)
    shape = call.integers(0)
    if shape is None:
        return [None]
    if len(shape) != 4 or (shape[0], shape[3]) != (batch, filters):
        raise FormatError(f"it cannot give {list(shape)}")
    if [_windows(call.options, n, k, s) for n, k, s in _axes(call, shape, kernel)] != [
        *size
    ]:
        raise FormatError(f"{list(shape)} cannot come of {size} pixels")
    return [shape]


def pool_2d(call: Call) -> Shapes:
    """A window over pixels."""
    batch, *size, channels = call.shape(0, 4)
    kernel = [call.options.FilterHeight(), call.options.FilterWidth()]
    return [(batch, *_window(call.options, size, kernel), channels)]
