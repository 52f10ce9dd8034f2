"""The sliding window that convolutions and pools share."""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
)
from tflite2torch.converter.graph.nodes.window import Window
from tflite2torch.converter.graph.value import Value


def read_window(call: OperatorCall, kernel: Sequence[int]) -> Window:
    """Read a window from an operator's options; dilation only where it has one."""
    options = call.options
    dilation = (1, 1)
    if hasattr(options, "DilationHFactor"):
        dilation = (options.DilationHFactor(), options.DilationWFactor())
    height, width = kernel
    stride = (options.StrideH(), options.StrideW())
    if min(*stride, *dilation, height, width) < 1:
        raise InvalidModelError(
            f"{call.place}: kernel {height}x{width}, stride {stride} and dilation "
            f"{dilation} must be positive; the file is damaged, fetch it again"
        )
    if options.Padding() not in (0, 1):  # schema: Padding
        raise NotSupportedError(f"its padding is number {options.Padding()}")
    same = options.Padding() == 0
    return Window((height, width), stride, dilation, same)


def window_size(call: OperatorCall, window: Window, x: Value) -> None:
    """Raise InvalidModelError where the window is larger than what it slides over."""
    if min(window.output(x.shape[1:3])) < 1:
        raise InvalidModelError(
            f"{call.place}: a kernel that spans {window.reach} does not fit an input of "
            f"{list(x.shape)}; the file is damaged, fetch it again"
        )
