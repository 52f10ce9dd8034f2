"""Pools over windows of pixels."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.conv import square
from tflite2torch.converter.graph.nodes.window import NO_PADDING, Window
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes


@dataclass(eq=False, repr=False)
class Pool2d(Node):
    """The largest (``max``) or mean (``avg``) element of each window.

    Padding never takes part: it is below every maximum and counts in no mean. ``whole``
    tells a mean of the whole image, once the padding pass has seen to it.
    """

    kind: str
    window: Window
    whole: bool = False

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, size, channels = image_sizes(x)
        return [image_shape(x, self.window.output(size), channels)]

    def code(self) -> Code:
        window = self.window
        if self.whole:
            return Code("F.avg_pool2d(x0, x0.shape[2:])")
        if self.kind == "avg" and not window.ends_by_ceiling:
            return self._counting_code()
        (top, bottom), (left, right) = window.padding
        arguments: dict[str, Literal] = {
            "kernel_size": square(window.kernel),
            "stride": square(window.stride),
            "padding": square((top, left)),
            "ceil_mode": (bottom, right) != (top, left),
        }
        template = "x0, kernel_size, stride=stride, padding=padding"
        defaults: dict[str, Literal] = {"padding": 0, "ceil_mode": False}
        template += ", ceil_mode=ceil_mode"
        if self.kind == "avg":
            template += ", count_include_pad=count_include_pad"
            arguments["count_include_pad"] = window.padding == NO_PADDING
            defaults["count_include_pad"] = True
        same = {"stride": "kernel_size"}
        call = f"F.{self.kind}_pool2d({template})"
        return Code(call, arguments, defaults, same=same)

    def _counting_code(self) -> Code:
        (top, bottom), (left, right) = self.window.padding
        return Code(
            "padded_average(x0, kernel_size, stride, padding)",
            {
                "kernel_size": square(self.window.kernel),
                "stride": square(self.window.stride),
                "padding": (left, right, top, bottom),
            },
            helper="padded_average",
        )
