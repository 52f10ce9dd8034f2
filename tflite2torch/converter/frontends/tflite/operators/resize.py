"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.resize import Resize


@operator("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
def resize(call: OperatorCall) -> list[Node]:
    """Its second operand holds the new (height, width); options say where to sample."""
    x, size, options = call.input(0), call.integers(1), call.options
    if x.dtype != "float32":
        raise NotSupportedError(f"its input is {x.dtype}, not float32")
    if x.rank != 4 or len(size) != 2 or min(size) < 1:
        raise InvalidModelError(
            f"{call.place}: resizes {list(x.shape)} to {list(size)}; "
            "the file is damaged, fetch it again"
        )
    if options.AlignCorners() and options.HalfPixelCenters():
        raise InvalidModelError(
            f"{call.place}: asks for aligned corners and half-pixel centers at once; "
            "the file is damaged, fetch it again"
        )
    coordinates = "asymmetric"
    if options.AlignCorners():
        coordinates = "corners"
    elif options.HalfPixelCenters():
        coordinates = "half_pixel"
    mode = "bilinear" if call.operator.name == "RESIZE_BILINEAR" else "nearest"
    return [Resize([x], [call.output], mode, coordinates, (size[0], size[1]))]
