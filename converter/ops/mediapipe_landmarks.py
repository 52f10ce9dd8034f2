"""MediaPipe's operators that crop an image around landmarks, and bring landmarks back.

Source: MediaPipe's util/tflite/operations, where each version has a kernel of its own, and
the parsers of their options in TensorFlow Lite's delegates/gpu/common/mediapipe.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from converter.errors import InvalidModelError
from converter.graph import Code, Literal, N, Node, Shape, Value
from converter.ops.custom_options import FlexOptions
from converter.ops.registry import NotSupportedError, OperatorCall, custom_operator
from converter.ops.shape import Expand, Reshape

MATRIX = (1, 4, 4)


@dataclass(eq=False, repr=False)
class CropMatrix(Node):
    """Matrices from the pixels of a crop around landmarks to pixels of the image.

    Its operands are the landmarks (N, P, 3), and a constant that lists those in the crop.
    ``arguments`` are those of the helper.
    """

    helper: str
    arguments: dict[str, Literal]

    def infer(self) -> list[Shape]:
        return [(self.inputs[0].shape[0], 4, 4)]

    def code(self) -> Code:
        names = ", ".join(name for name in self.arguments if name != "target")
        if "target" in self.arguments:
            names += ", target=target"
        return Code(
            f"{self.helper}(x0, x1, {names})", self.arguments, {"target": 0.0}, self.helper
        )


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
        batch, _, _, channels = self.inputs[0].shape
        return [(batch, *self.size, channels)]

    def follow_batch(self) -> list[Node]:
        return _repeat_constants(self)

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
        return _repeat_constants(self)

    def code(self) -> Code:
        return Code(
            "transform_landmarks(x0, x1, scale=scale)",
            {"scale": self.scale},
            {"scale": 1.0},
            "transform_landmarks",
        )


def _repeat_constants(node: Node) -> list[Node]:
    """Give every sample what is the same for all of them."""
    batched = [value for value in node.inputs if value.batched]
    added: list[Node] = []
    for position, value in enumerate(node.inputs):
        if batched and not value.batched:
            expand = Expand.of(value, batched[0])
            node.inputs[position] = expand.outputs[0]
            added.append(expand)
    return added


@custom_operator("Landmarks2TransformMatrix", 2)
def landmarks_to_transform_matrix(call: OperatorCall) -> list[Node]:
    """Landmarks (1, P, 3)."""
    call.signature(inputs=1, outputs=1)
    landmarks, options = call.floating(0), FlexOptions(call)
    if landmarks.rank != 3 or landmarks.shape[0] != 1 or landmarks.shape[2] != 3:
        raise _damaged(call, f"takes landmarks of {list(landmarks.shape)}")
    arguments = {
        name: options.number(name) if name.startswith("scale") else options.integer(name)
        for name in ("scale_x", "scale_y", "output_width", "output_height")
    }
    if min(arguments.values()) <= 0:
        raise _damaged(call, f"makes a crop of {arguments}")
    return [
        CropMatrix(
            [landmarks, _subset(call, options.integers("subset_idxs"), landmarks)],
            call.outputs,
            "crop_matrix",
            {
                **_ends(call, options, landmarks),
                **{name.removeprefix("output_"): n for name, n in arguments.items()},
                "target": options.number("target_rotation_radians"),
            },
        )
    ]
