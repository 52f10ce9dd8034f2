"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    check_positive,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.resize import Resize


def resized_image_shape(operands: Operands) -> Shapes:
    """Return the shape of an image with a new height and width."""
    batch, height, width, channels = operands.shape(0, 4)
    check_positive(height, width)
    if operands.options.AlignCorners() and operands.options.HalfPixelCenters():
        raise FormatError("it asks for aligned corners and half-pixel centers at once")
    size = operands.integers(1, 2)
    if size is None:
        return [None]
    check_positive(*size)
    return [(batch, *size, channels)]


@operator(
    "RESIZE_BILINEAR",
    shapes=resized_image_shape,
    inputs=2,
    options="ResizeBilinearOptions",
)
@operator(
    "RESIZE_NEAREST_NEIGHBOR",
    shapes=resized_image_shape,
    inputs=2,
    options="ResizeNearestNeighborOptions",
)
def resize(call: OperatorCall) -> list[Node]:
    """Resizes an image to a constant (height, width)."""
    x, (height, width), options = call.floating(0), call.integers(1), call.options
    coordinates = "asymmetric"
    if options.AlignCorners():
        coordinates = "corners"
    elif options.HalfPixelCenters():
        coordinates = "half_pixel"
    mode = "bilinear" if call.operator.name == "RESIZE_BILINEAR" else "nearest"
    return [Resize([x], [call.output], mode, coordinates, (height, width))]
