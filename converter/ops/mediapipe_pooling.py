"""MediaPipe's MaxPoolingWithArgmax2D and MaxUnpooling2D."""

from __future__ import annotations

from dataclasses import dataclass

from converter.errors import InvalidModelError
from converter.graph import Code, Node, Shape
from converter.ops.custom_options import c_struct
from converter.ops.mediapipe_landmarks import share_batch
from converter.ops.registry import NotSupportedError, OperatorCall, custom_operator
from converter.ops.transpose_conv import SAME, VALID
from converter.ops.window import Window, window_size


@dataclass(eq=False, repr=False)
class MaxPoolWithArgmax(Node):
    """The largest element of each window, and which of the window's elements that is.

    Elements count row by row; of equal ones the first counts. The second result is float:
    TFLite adds 0.1 to the number.
    """

    window: Window

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        batch, *size, channels = self.inputs[0].shape
        return [(batch, *self.window.output(size), channels)] * 2

    def code(self) -> Code:
        (top, bottom), (left, right) = self.window.padding
        return Code(
            "max_pool_with_argmax(x0, kernel, stride, padding)",
            {
                "kernel": self.window.kernel,
                "stride": self.window.stride,
                "padding": (left, right, top, bottom),
            },
            helper="max_pool_with_argmax",
        )


@dataclass(eq=False, repr=False)
class MaxUnpool(Node):
    """Elements in the places of their windows that the second operand gives, among zeros."""

    kernel: tuple[int, int]
    stride: tuple[int, int]

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        batch, height, width, channels = self.inputs[0].shape
        return [(batch, height * self.kernel[0], width * self.kernel[1], channels)]

    def follow_batch(self) -> list[Node]:
        return share_batch(self)

    def code(self) -> Code:
        size = self.inputs[0].shape[2:]
        axes = zip(size, self.kernel, self.stride, strict=True)
        top, left = (max((n - 1) * s + k - n * k, 0) // 2 for n, k, s in axes)
        return Code(
            "max_unpool(x0, x1, kernel, stride, padding)",
            {"kernel": self.kernel, "stride": self.stride, "padding": (top, left)},
            helper="max_unpool",
        )


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
