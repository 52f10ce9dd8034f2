"""Rotated rectangles of an image: where a network looks.

A region is a row (center x, center y, width, height, rotation). Unless a function says otherwise,
x and width are fractions of the image's width, y and height of its height; the rotation is in
radians, clockwise as seen on the image. Sums and products are made in the order of MediaPipe's
``detections_to_rects_calculator.cc``, ``rect_transformation_calculator.cc`` and
``image_to_tensor_utils.cc``; sines and arc tangents are taken in float64 and rounded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Size = tuple[int, int]
"""Width and height of an image, in pixels."""


def letterbox(size: Size, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the region, 1 x 5 in pixels, of a whole image, widened to a square."""
    width, height = size
    side = max(size)
    return torch.tensor([[0.5 * width, 0.5 * height, side, side, 0.0]], dtype=dtype)


def from_detections(boxes: Tensor, keypoints: Tensor, size: Size, scale: float = 1.5) -> Tensor:
    """Return regions around detections, upright by their first two keypoints.

    A box keeps its aspect ratio, as FaceLandmarker has it: the crop stretches it to a square.

    Args:
        boxes: N x 4: x, y of the upper left corner, width, height.
        keypoints: N x K x 2; those of a face begin with its right and left eye.
        size: of the image.
        scale: how many times as wide and high as the box the region is.
    """
    x, y, width, height = boxes.unbind(1)
    return torch.stack(
        [
            x + width / 2,
            y + height / 2,
            width * scale,
            height * scale,
            rotation(keypoints[:, 0], keypoints[:, 1], size),
        ],
        dim=1,
    )


def from_landmarks(
    landmarks: Tensor, size: Size, axis: tuple[int, int] = (33, 263), scale: float = 1.5
) -> Tensor:
    """Return square regions around landmarks, for the next frame of a video.

    Args:
        landmarks: N x P x 2 or more coordinates, of which the first two count.
        size: of the image.
        axis: the points that are level in the region; of a face the outer corners of its eyes.
        scale: how many times the long side of the points' bounding box, in pixels, the side is.
    """
    points = landmarks[:, :, :2]
    low, high = points.amin(1), points.amax(1)
    extent = high - low
    long = torch.maximum(extent[:, 0] * size[0], extent[:, 1] * size[1])
    return torch.stack(
        [
            low[:, 0] + extent[:, 0] / 2,
            low[:, 1] + extent[:, 1] / 2,
            long / size[0] * scale,
            long / size[1] * scale,
            rotation(points[:, axis[0]], points[:, axis[1]], size),
        ],
        dim=1,
    )


def rotation(start: Tensor, end: Tensor, size: Size) -> Tensor:
    """Return the angles, in [-pi, pi), of the lines from N points to N others, N x 2 each."""
    x = end[:, 0] * size[0] - start[:, 0] * size[0]
    y = end[:, 1] * size[1] - start[:, 1] * size[1]
    angle = 0.0 - torch.atan2(-y.double(), x.double()).to(x.dtype)
    full = 2 * math.pi
    turns = torch.floor((angle.detach().double() + math.pi) / full)
    return (angle.double() - full * turns).to(x.dtype)


def to_pixels(regions: Tensor, size: Size) -> Tensor:
    """Return regions, N x 5, in pixels."""
    x, y, width, height, angle = regions.unbind(1)
    return torch.stack([x * size[0], y * size[1], width * size[0], height * size[1], angle], dim=1)


def corners(regions: Tensor) -> Tensor:
    """Return the corners, N x 4 x 2 in pixels, of regions in pixels.

    They stand in the order lower left, upper left, upper right, lower right of the upright
    region. The angle passes through degrees in the regions' dtype, and each corner is a sum of
    its own, as in OpenCV 5's ``boxPoints``.
    """
    x, y, width, height, angle = regions.unbind(1)
    degrees = ((angle * 180).double() / math.pi).to(angle.dtype)
    radians = degrees.double() * math.pi / 180
    cosine = torch.cos(radians).to(angle.dtype) * 0.5
    sine = torch.sin(radians).to(angle.dtype) * 0.5
    across, up = torch.stack([cosine * width, sine * width]), torch.stack([sine, cosine]) * height
    xs = [x - up[0] - across[0], x + up[0] - across[0], x + up[0] + across[0]]
    xs.append(x - up[0] + across[0])
    ys = [y + up[1] - across[1], y - up[1] - across[1], y - up[1] + across[1]]
    ys.append(y + up[1] + across[1])
    return torch.stack([torch.stack(xs, 1), torch.stack(ys, 1)], dim=2)


def matrices(regions: Tensor, size: Size) -> Tensor:
    """Return N x 2 x 3: what maps a point of a region, 0 to 1 in each, to the image, likewise.

    Args:
        regions: in pixels.
        size: of the image.
    """
    x, y, width, height, angle = regions.unbind(1)
    cosine = torch.cos(angle.double()).to(angle.dtype)
    sine = torch.sin(angle.double()).to(angle.dtype)
    per_width, per_height = (torch.ones_like(x) / length for length in size)
    half_width, half_height = -0.5 * width, -0.5 * height
    return torch.stack(
        [
            width * cosine * per_width,
            -height * sine * per_width,
            (half_width * cosine + 0.5 * height * sine + x) * per_width,
            width * sine * per_height,
            height * cosine * per_height,
            (half_height * cosine - 0.5 * width * sine + y) * per_height,
        ],
        dim=1,
    ).reshape(-1, 2, 3)


def project(points: Tensor, matrix: Tensor) -> Tensor:
    """Return points, N x P x 2, through matrices, N x 2 x 3, by separate products and sums.

    A matrix product could fuse them, and would round otherwise.
    """
    x, y = points[:, :, :1], points[:, :, 1:2]
    first, second, shift = matrix[:, None].unbind(3)
    return x * first + y * second + shift


def project_depth(depth: Tensor, matrix: Tensor) -> Tensor:
    """Return depths, N x P, in the unit that x has after ``project``.

    The factor is the length of the projected segment from (0, 0) to (1, 0), taken between its
    rounded end points (``landmark_projection_calculator.cc``).
    """
    start, first = matrix[:, :, 2], matrix[:, :, 0]
    segment = ((first + start) - start).double()
    length = torch.sqrt(segment[:, 0] ** 2 + segment[:, 1] ** 2).to(depth.dtype)
    return length[:, None] * depth
