"""MediaPipe's custom operators that crop an image around landmarks and map landmarks back.

Source: MediaPipe's util/tflite/operations, where each version has a kernel of its own, and
the parsers of their options in TensorFlow Lite's delegates/gpu/common/mediapipe.
"""

from __future__ import annotations

import math

import numpy as np

from tflite2torch.converter.frontends.tflite.operators.custom_options import FlexOptions
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    custom_operator,
)
from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.nodes.region import (
    CROP_V1,
    CROP_V2,
    CROP_V2_RECTANGLE,
    CropMatrix,
    TransformBilinear,
    TransformLandmarks,
)
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.value import Value


@custom_operator("Landmarks2TransformMatrix", 1)
def landmarks_to_transform_matrix_v1(call: OperatorCall) -> list[Node]:
    """Crop matrix of landmarks (1, 1, 1, 3 * P), given in units of ``landmarks_range``."""
    options, flat = FlexOptions(call), call.image(0)
    extent, scale = (
        options.integer("landmarks_range"),
        options.number("bbox_size_multiplier"),
    )
    if options.integer("dimensions") != 3 or extent < 1 or scale == 0:
        raise call.damaged(f"its crop is {scale} times a box in a range of {extent}")
    # The options list height before width; the helper takes (x, y), as landmarks are.
    height, width = _pair(call, options, "output_hw")
    image_height, image_width = _pair(call, options, "input_hw")
    # The kernel divides by one less than the crop's size.
    if min(width, height) < 2:
        raise NotSupportedError("its crop is one pixel wide or high")
    before = Reshape.of(flat, (1, _points(call, flat, 3), 3))
    (landmarks,) = before.outputs
    subset = _subset(call, options, "subset", landmarks)
    arguments: dict[str, Literal] = {
        "line": _line(call, options, landmarks),
        "scale": scale,
        "size": (width, height),
        "image_size": (image_width, image_height),
        "extent": extent,
    }
    return [before, CropMatrix([landmarks, subset], call.outputs, CROP_V1, arguments)]


CROP_COMMENT = "numbers: two points on the crop's x axis, enlargement of the box, size in pixels"
"""Explains the constants of a crop to a reader of the emitted source."""


@custom_operator("Landmarks2TransformMatrix", 2)
def landmarks_to_transform_matrix_v2(call: OperatorCall) -> list[Node]:
    """Crop matrix of landmarks (1, P, 3), given in pixels of the image."""
    options, landmarks = FlexOptions(call), _landmarks(call, (3,))
    scale = options.number("scale_x"), options.number("scale_y")
    size = options.integer("output_width"), options.integer("output_height")
    if min(*scale, *size) <= 0:
        raise call.damaged(f"its crop is {scale} times a box, in {size} pixels")
    subset = _subset(call, options, "subset_idxs", landmarks)
    square = scale[0] == scale[1] and size[0] == size[1]
    arguments: dict[str, Literal] = {
        "line": _line(call, options, landmarks),
        "scale": scale[0] if square else scale,
        "size": size[0] if square else size,
        "target": options.number("target_rotation_radians"),
    }
    template = CROP_V2 if square else CROP_V2_RECTANGLE
    crop = CropMatrix([landmarks, subset], call.outputs, template, arguments)
    crop.comment = CROP_COMMENT
    return [crop]


@custom_operator("TransformTensor", 1, inputs=2)
@custom_operator("TransformTensorBilinear", 1, inputs=2)
def transform_tensor_bilinear_v1(call: OperatorCall) -> list[Node]:
    """Bilinear crop of an image by matrices; the first pixel's center is at (0, 0)."""
    options = FlexOptions(call)
    if "mode" in options and options.text("mode") != "bilinear":
        raise NotSupportedError("its mode is not bilinear")
    return _bilinear(call, _pair(call, options, "output_size"), center=0.0)


@custom_operator("TransformTensorBilinear", 2, inputs=2)
def transform_tensor_bilinear_v2(call: OperatorCall) -> list[Node]:
    """Bilinear crop of an image by matrices; the first pixel's center is at (0.5, 0.5)."""
    options = FlexOptions(call)
    size = options.integer("output_height"), options.integer("output_width")
    return _bilinear(call, size, center=0.5)


@custom_operator("TransformLandmarks", 1, inputs=2)
def transform_landmarks_v1(call: OperatorCall) -> list[Node]:
    """Applies matrices to landmarks (1, H, W, C), whose coordinates are stored in C."""
    options, flat, output = FlexOptions(call), call.image(0), call.output
    dimensions = options.integer("dimensions") if "dimensions" in options else 3
    scale = options.number("scale") if "scale" in options else 1.0
    if dimensions not in (2, 3) or scale == 0:
        raise call.damaged(f"it scales {dimensions} dimensions by {scale}")
    # Version 1 packs landmarks into an image. The graph's node, like version 2, takes a list
    # of them, so that they are unpacked before and packed after it.
    shape = (1, _points(call, flat, dimensions), dimensions)
    before, moved = Reshape.of(flat, shape), Value(output.name, shape, "float32")
    transform = TransformLandmarks([*before.outputs, _matrix(call, 1)], [moved], scale)
    return [before, transform, Reshape([moved], [output], flat.shape)]


@custom_operator("TransformLandmarks", 2, inputs=2)
def transform_landmarks_v2(call: OperatorCall) -> list[Node]:
    """Applies matrices to landmarks (1, P, 2 or 3)."""
    inputs = [_landmarks(call, (2, 3)), _matrix(call, 1)]
    return [TransformLandmarks(inputs, call.outputs, scale=1.0)]


def _bilinear(call: OperatorCall, size: tuple[int, int], center: float) -> list[Node]:
    x, matrix = call.image(0), _matrix(call, 1)
    if x.shape[0] != 1 or min(*size, *x.shape) < 1:
        raise call.damaged(f"it crops {list(x.shape)} to {list(size)}")
    return [TransformBilinear([x, matrix], call.outputs, size, center)]


def _matrix(call: OperatorCall, position: int) -> Value:
    matrix = call.floating(position)
    if matrix.shape != (1, 4, 4):
        raise call.damaged(f"it has a matrix of {list(matrix.shape)}")
    return matrix


def _points(call: OperatorCall, flat: Value, dimensions: int) -> int:
    """Return the number of points stored in an input of four axes."""
    if dimensions < 1 or flat.shape[0] != 1 or flat.shape[3] % dimensions:
        raise call.damaged(f"it has points of {dimensions} numbers in {list(flat.shape)}")
    return math.prod(flat.shape) // dimensions


def _landmarks(call: OperatorCall, dimensions: tuple[int, ...]) -> Value:
    """Return input 0, which must be (1, P, D) with D one of ``dimensions``."""
    landmarks = call.floating(0)
    if landmarks.rank != 3 or landmarks.shape[0] != 1 or landmarks.shape[2] not in dimensions:
        raise call.damaged(f"it has landmarks of {list(landmarks.shape)}")
    return landmarks


def _line(call: OperatorCall, options: FlexOptions, landmarks: Value) -> tuple[int, int]:
    """Return the indices of the two landmarks whose connecting line is the crop's x axis."""
    left = options.integer("left_rotation_idx")
    right = options.integer("right_rotation_idx")
    _check_indices(call, (left, right), landmarks)
    return left, right


def _subset(call: OperatorCall, options: FlexOptions, name: str, landmarks: Value) -> Value:
    """Return the indices of the landmarks that a crop contains, as a constant."""
    indices = options.integers(name)
    _check_indices(call, indices, landmarks)
    return Value("subset", (len(indices),), "int64", data=np.array(indices, np.int64))


def _check_indices(call: OperatorCall, indices: tuple[int, ...], landmarks: Value) -> None:
    # The emitted module indexes with these: out of range, it would fail only when it is run.
    count = landmarks.shape[1]
    wrong = [index for index in indices if not 0 <= index < count]
    if wrong or not indices:
        raise call.damaged(f"it picks landmarks {wrong[:3]} of {count}")


def _pair(call: OperatorCall, options: FlexOptions, name: str) -> tuple[int, int]:
    """Return an option that is a (height, width)."""
    size = options.integers(name)
    if len(size) != 2 or min(size) < 1:
        raise call.damaged(f"its {name} is {list(size)[:3]}")
    return size[0], size[1]
