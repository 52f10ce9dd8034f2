"""MediaPipe's custom operators MaxPoolingWithArgmax2D and MaxUnpooling2D."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.operators.custom_options import (
    SAME,
    VALID,
    c_struct,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    custom_operator,
)
from tflite2torch.converter.frontends.tflite.operators.window import with_same_padding
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.unpool import MaxPoolWithArgmax, MaxUnpool
from tflite2torch.converter.graph.nodes.window import Window

FIELDS = "padding stride_width stride_height filter_width filter_height activation"
"""The leading fields of TfLitePoolParams, which are the options."""


@custom_operator("MaxPoolingWithArgmax2D", inputs=1, outputs=2)
def max_pooling_with_argmax_2d(call: OperatorCall) -> list[Node]:
    """Maximum over windows of an image, and its position; the maximum may have an activation.

    Source: MediaPipe's util/tflite/operations/max_pool_argmax.cc.
    """
    x, options = call.image(0), c_struct(call, *FIELDS.split())
    size, window = x.shape[1:3], _window(call, options)
    if options["padding"] == SAME:
        window = with_same_padding(window, size)
    if min(window.output(size)) < 1:
        raise call.damaged(
            f"a kernel that spans {window.reach} does not fit an input of {list(x.shape)}"
        )
    node = MaxPoolWithArgmax([x], call.outputs, window)
    return call.activated([node], options["activation"])


@custom_operator("MaxUnpooling2D", inputs=2)
def max_unpooling_2d(call: OperatorCall) -> list[Node]:
    """Places elements at the positions of their maxima, in an image of H * kernel pixels.

    Positions outside the output are dropped. Source: MediaPipe's
    util/tflite/operations/max_unpooling.cc, which ignores the activation.
    """
    x, places = call.image(0), call.image(1)
    window = _window(call, c_struct(call, *FIELDS.split()))
    if places.shape != x.shape:
        raise call.damaged(f"places {list(places.shape)} for {list(x.shape)}")
    return [MaxUnpool([x, places], call.outputs, window.kernel, window.stride)]


def _window(call: OperatorCall, options: dict[str, int]) -> Window:
    """Return the window given by the options, without padding."""
    if options["padding"] not in (SAME, VALID):
        raise NotSupportedError(f"its padding is number {options['padding']}")
    kernel = options["filter_height"], options["filter_width"]
    stride = options["stride_height"], options["stride_width"]
    if min(*kernel, *stride) < 1:
        raise call.damaged(
            f"a window of {kernel[0]}x{kernel[1]} at strides {stride[0]} and {stride[1]}"
        )
    return Window(kernel, stride)
