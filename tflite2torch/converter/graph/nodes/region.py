"""Crops around landmarks: the matrix of a crop, the crop, and mapping landmarks back."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Literal, Node
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes

CROP_V1 = "crop_matrix_v1(x0, x1, line, scale, size, image_size, extent)"
CROP_V2 = "crop_matrix(x0, x1, line, scale, size, target=target)"
CROP_V2_RECTANGLE = "crop_rectangle_matrix(x0, x1, line, scale, size, target=target)"


@dataclass(eq=False, repr=False)
class CropMatrix(Node):
    """Affine matrices (N, 4, 4) from pixels of a crop around landmarks to pixels of the image.

    The inputs are landmarks (N, P, 3) and a constant vector with the indices of those that
    the crop contains. ``template`` calls a helper with ``arguments``.
    """

    template: str
    arguments: dict[str, Literal]

    def infer(self) -> list[Shape]:
        return [(self.inputs[0].shape[0], 4, 4)]

    def code(self) -> Code:
        helper, _, _ = self.template.partition("(")
        return Code(self.template, self.arguments, {"target": 0.0}, helper)


@dataclass(eq=False, repr=False)
class TransformBilinear(Node):
    """Bilinear crop of an image, input 0, by matrices (N, 4, 4), input 1.

    ``size`` is the crop's (height, width), ``center`` the coordinate of the first pixel's
    center along both axes.
    """

    size: tuple[int, int]
    center: float

    layout = "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, _, channels = image_sizes(x)
        return [image_shape(x, self.size, channels)]

    def follow_batch(self) -> list[Node]:
        return share_batch(self)

    def code(self) -> Code:
        height, width = self.size
        return Code(
            "transform_bilinear(x0, x1, height, width, center=center)",
            {"height": height, "width": width, "center": self.center},
            {"center": 0.5},
            "transform_bilinear",
        )


@dataclass(eq=False, repr=False)
class TransformLandmarks(Node):
    """Applies matrices (N, 4, 4), input 1, to landmarks (N, P, 2 or 3), input 0."""

    scale: float

    def infer(self) -> list[Shape]:
        return [self.inputs[0].shape]

    def follow_batch(self) -> list[Node]:
        return share_batch(self)

    def code(self) -> Code:
        return Code(
            "transform_landmarks(x0, x1, scale=scale)",
            {"scale": self.scale},
            {"scale": 1.0},
            "transform_landmarks",
        )


def share_batch(node: Node) -> list[Node]:
    """Raise BatchError unless all inputs of a node have a batch axis, or none has."""
    if len({value.batched for value in node.inputs}) > 1:
        raise BatchError("one of its operands is the same for all of them")
    return []
