"""Max pooling that returns positions, and max unpooling."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Node
from tflite2torch.converter.graph.nodes.region import share_batch
from tflite2torch.converter.graph.nodes.window import Window
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes


@dataclass(eq=False, repr=False)
class MaxPoolWithArgmax(Node):
    """The maximum of each window, and its position in the window.

    Positions count row by row from 0; the first of equal elements counts. The second output
    is float32: position + 0.1, as MediaPipe's kernel computes it.
    """

    window: Window

    layout = "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, size, channels = image_sizes(x)
        return [image_shape(x, self.window.output(size), channels)] * 2

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
    """Places each element of input 0 at the position, input 1, in its window, among zeros."""

    kernel: tuple[int, int]
    stride: tuple[int, int]

    layout = "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, (height, width), channels = image_sizes(x)
        size = (height * self.kernel[0], width * self.kernel[1])
        return [image_shape(x, size, channels)]

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
