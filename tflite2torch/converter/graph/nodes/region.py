"""MediaPipe's custom operators that crop an image around landmarks, and map them back.

Source: MediaPipe's util/tflite/operations, where each version has a kernel of its own, and
the parsers of their options in TensorFlow Lite's delegates/gpu/common/mediapipe.
"""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Literal, Node
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes

CROP_V1 = "crop_matrix_v1(x0, x1, line, scale, size, image_size, extent)"
CROP_V2 = "crop_matrix(x0, x1, line, scale, size, target=target)"


@dataclass(eq=False, repr=False)
class CropMatrix(Node):
    """Matrices from the pixels of a crop around landmarks to pixels of the image.

    Its operands are the landmarks (N, P, 3), and a constant that lists those in the crop.
    ``arguments`` are what the template names.
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
    """A crop of an image where the matrices, its second operand, say.

    ``center`` is the coordinate of the middle of the first pixel.
    """

    size: tuple[int, int]
    center: float

    @property
    def layout(self) -> str:
        return "nchw"

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
    """Landmarks (N, P, 2 or 3), moved by the matrices that are its second operand."""

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
    """Add nothing; raise BatchError where not all operands have a batch, or none."""
    if len({value.batched for value in node.inputs}) > 1:
        raise BatchError("one of its operands is the same for all of them")
    return []
