"""Reads the window of convolutions and pools from TFLite's options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.graph.nodes.window import Padding, Window
from tflite2torch.converter.graph.value import Shape

MAX_STEP = 2**15 - 1
"""Maximum kernel size, stride and dilation; TFLite's kernels store them as int16."""


def window_shape(options: Any, size: Sequence[int], kernel: Sequence[int]) -> Shape:
    """Return the output (height, width) of a window on an image of (height, width) size.

    Raises FormatError for sizes out of range, or a kernel larger than the image.
    """
    stride, dilation = _steps(options)
    steps = (*kernel, *stride, *dilation)
    if min(steps) < 1 or max(steps) > MAX_STEP:
        raise FormatError(
            f"its kernel {list(kernel)}, strides {stride} and dilations {dilation} "
            f"are not all from 1 to {MAX_STEP}"
        )
    window = read_window(options, size, kernel)
    shape = window.output(size)
    if min(shape) < 1:
        raise FormatError(f"a window of {list(window.reach)} does not fit {list(size)} pixels")
    return shape


def read_window(options: Any, size: Sequence[int], kernel: Sequence[int]) -> Window:
    """Return the window of a convolution or pool on an image of (height, width) size."""
    height, width = kernel
    window = Window((height, width), *_steps(options))
    return with_same_padding(window, size) if options.Padding() == 0 else window


def with_same_padding(window: Window, size: Sequence[int]) -> Window:
    """Return a window with explicit SAME padding on an image of (height, width) size.

    An odd pixel of padding goes to the right and the bottom. Source:
    ComputePaddingWithOffset in TensorFlow Lite's kernels/padding.h.
    """
    rows, columns = (
        max((-(-n // stride) - 1) * stride + reach - n, 0)
        for n, reach, stride in zip(size, window.reach, window.stride, strict=True)
    )
    padding: Padding = (
        (rows // 2, rows - rows // 2),
        (columns // 2, columns - columns // 2),
    )
    return Window(window.kernel, window.stride, window.dilation, padding)


def _steps(options: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return stride and dilation as (height, width); pools have no dilation."""
    dilation = (1, 1)
    if hasattr(options, "DilationHFactor"):
        dilation = (options.DilationHFactor(), options.DilationWFactor())
    return (options.StrideH(), options.StrideW()), dilation
