"""Sums of products in the order in which TFLite's reference kernels take them.

The rounding error of a sum depends on the order of its terms. Libraries that PyTorch calls choose
one that suits the processor; TFLite's reference kernels add one product after the other to a
float32 accumulator: for each filter row, column and input channel, then the bias. On a sum of a
thousand terms of one sign the two differ by tens of ulps, and neither is wrong. (Higham, Accuracy
and Stability of Numerical Algorithms, 2nd edition, section 4.2.) Computed in TFLite's order, a
layer that has the right structure gives what TFLite gives, up to the rounding of what is no sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

ATEN = torch.ops.aten


class InOrder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is active, convolutions and matrix products of float32 add up in TFLite's order."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the compiler is imported, which takes a second and is not used

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func not in KERNELS:
            # In inference mode, operators arrive that are made of others.
            with self:
                made = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if made is NotImplemented else made
        operands = [x for x in args if isinstance(x, Tensor)]
        if kwargs or any(x.dtype != torch.float32 for x in operands):
            return func(*args, **kwargs)
        return KERNELS[func](*args)


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """Return ``aten.convolution``: TFLite's CONV_2D, DEPTHWISE_CONV_2D or TRANSPOSE_CONV."""
    if x.dim() != 4 or (transposed and groups > 1):
        return torch.convolution(
            x, weight, bias, stride, padding, dilation, transposed, output_padding, groups
        )
    if transposed:
        total = _scattered(x, weight, stride, padding, dilation, output_padding)
    else:
        total = _gathered(x, weight, stride, padding, dilation, groups)
    return total if bias is None else total + bias[:, None, None]


def _gathered(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Return a convolution without its bias."""
    count, inputs, rows, columns = weight.shape
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    x = x.view(len(x), groups, inputs, *x.shape[2:])
    kernels = weight.view(groups, count // groups, *weight.shape[1:])
    size = [
        (x.shape[-2 + axis] - dilation[axis] * (weight.shape[2 + axis] - 1) - 1) // stride[axis] + 1
        for axis in (0, 1)
    ]
    total = x.new_zeros(len(x), groups, count // groups, *size)
    for row in range(rows):
        first = row * dilation[0]
        down = slice(first, first + stride[0] * (size[0] - 1) + 1, stride[0])
        for column in range(columns):
            start = column * dilation[1]
            across = slice(start, start + stride[1] * (size[1] - 1) + 1, stride[1])
            part = x[..., down, across]
            for channel in range(inputs):
                factor = kernels[:, :, channel, row, column, None, None]
                total += part[:, :, channel, None] * factor
    return total.flatten(1, 2)


def _scattered(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> Tensor:
    """Return a transposed convolution without its bias."""
    inputs, count, *kernel = weight.shape
    size = [
        stride[axis] * (x.shape[2 + axis] - 1)
        + dilation[axis] * (kernel[axis] - 1)
        + output_padding[axis]
        + 1
        for axis in (0, 1)
    ]
    total = x.new_zeros(len(x), count, *size)
    # The reference kernel adds what each input pixel gives, row by row: to one output pixel
    # the later ones come through the earlier rows and columns of the filter.
    for row in reversed(range(kernel[0])):
        first = row * dilation[0]
        down = slice(first, first + stride[0] * (x.shape[2] - 1) + 1, stride[0])
        for column in reversed(range(kernel[1])):
            start = column * dilation[1]
            across = slice(start, start + stride[1] * (x.shape[3] - 1) + 1, stride[1])
            for channel in range(inputs):
                factor = weight[channel, :, row, column, None, None]
                total[..., down, across] += x[:, channel, None] * factor
    height, width = (size[axis] - 2 * padding[axis] for axis in (0, 1))
    return total[..., padding[0] : padding[0] + height, padding[1] : padding[1] + width]


def product(one: Tensor, other: Tensor) -> Tensor:
    """Return ``aten.mm`` or ``aten.bmm``: ``one`` ... x M x K times ``other`` ... x K x N."""
    total = one.new_zeros(*one.shape[:-1], other.shape[-1])
    for index in range(one.shape[-1]):
        total += one[..., index, None] * other[..., index, None, :]
    return total


def dense(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``aten.linear``: TFLite's FULLY_CONNECTED."""
    total = product(x, weight.t()) if x.dim() > 1 else product(x[None], weight.t())[0]
    return total if bias is None else total + bias


KERNELS: dict[Any, Callable[..., Tensor]] = {
    ATEN.convolution.default: convolution,
    ATEN.linear.default: dense,
    ATEN.mm.default: product,
    ATEN.bmm.default: product,
    ATEN.addmm.default: lambda bias, one, other: product(one, other) + bias,
}
"""What computes each operator of PyTorch that sums up products."""
