"""MediaPipe's MaxPoolingWithArgmax2D and MaxUnpooling2D."""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.custom_options import c_struct
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    custom_operator,
)
from tflite2torch.converter.frontends.tflite.operators.transpose_conv import SAME, VALID
from tflite2torch.converter.frontends.tflite.operators.window import window_size
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.unpool import MaxPoolWithArgmax, MaxUnpool
from tflite2torch.converter.graph.nodes.window import Window


@custom_operator("MaxPoolingWithArgmax2D")
def max_pooling_with_argmax_2d(call: OperatorCall) -> list[Node]:
    """A window of pixels; an activation of the first result.

    Source: MediaPipe's util/tflite/operations/max_pool_argmax.cc.
    """
    call.signature(inputs=1, outputs=2)
    x, (window, activation) = call.image(0), _options(call)
    window_size(call, window, x)
    window = window.spelled_out(x.shape[1:3])
    return [MaxPoolWithArgmax([x], call.outputs, window, activation=activation)]


@custom_operator("MaxUnpooling2D")
def max_unpooling_2d(call: OperatorCall) -> list[Node]:
    """The result is the input's size times the window's; an activation is not carried out.

    Places outside of the result are left out. Source: MediaPipe's
    util/tflite/operations/max_unpooling.cc.
    """
    call.signature(inputs=2, outputs=1)
    x, places, (window, _) = call.image(0), call.image(1), _options(call)
    if places.shape != x.shape:
        raise InvalidModelError(
            f"{call.place}: places {list(places.shape)} for {list(x.shape)}; "
            "the file is damaged, fetch it again"
        )
    return [MaxUnpool([x, places], call.outputs, window.kernel, window.stride)]


def _options(call: OperatorCall) -> tuple[Window, str | None]:
    """Return the window and the activation that options like TfLitePoolParams hold."""
    names = "padding stride_width stride_height filter_width filter_height activation"
    padding, across, down, width, height, activation = c_struct(
        call, *names.split()
    ).values()
    if padding not in (SAME, VALID):
        raise NotSupportedError(f"its padding is number {padding}")
    if min(across, down, width, height) < 1:
        raise InvalidModelError(
            f"{call.place}: a window of {height}x{width} at strides {down} and {across}; "
            "the file is damaged, fetch it again"
        )
    window = Window((height, width), (down, across), same=padding == SAME)
    return window, call.activation(activation)
