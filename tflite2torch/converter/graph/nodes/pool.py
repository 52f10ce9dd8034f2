"""Max and average pooling."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.conv import square
from tflite2torch.converter.graph.nodes.window import NO_PADDING, Window
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes


@dataclass(eq=False, repr=False)
class Pool2d(Node):
    """The maximum (``max``) or average (``avg``) of each window.

    Padding takes no part: it is never the maximum and does not count in an average.
    ``is_global`` marks an average over the whole image.
    """

    kind: str
    window: Window
    is_global: bool = False

    layout = "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, size, channels = image_sizes(x)
        output = (1, 1) if self.is_global else self.window.output(size)
        return [image_shape(x, output, channels)]

    def code(self) -> Code:
        window = self.window
        if self.is_global:
            return Code("F.avg_pool2d(x0, x0.shape[2:])")
        # torch's pools take the same padding on both sides. One more row at the bottom can be
        # had with ceil_mode; anything else takes a helper that counts elements itself.
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
