"""Draws faces on their photo: mesh, irises, box, axes of the pose, and a chart of blendshapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from tflite2torch.pipeline.face_landmarker import Face
from tflite2torch.pipeline.pose import FIELD_OF_VIEW

IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
"""The center of each iris and four points of its edge."""

AXIS = 6.0
"""The length of an axis of the pose, in centimetres."""

BARS = 14
"""The strongest blendshapes, which a chart shows."""

MESH, IRIS, BOX, BAR, TEXT = "#9fd8c8", "#ffd33d", "#58a6ff", "#2f81f7", "#1f2328"
AXES = ("#f85149", "#3fb950", "#58a6ff")
"""The colors of x, to the person's left, y, up, and z, towards the camera."""


def draw_faces(image: Tensor, faces: Sequence[Face], triangles: NDArray[np.int64]) -> Image.Image:
    """Return a picture of an image with what was found, and a chart where there are blendshapes.

    Args:
        image: 3 x H x W, uint8.
        faces: of the image; the chart is of the first.
        triangles: of the mesh.
    """
    picture = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy()))
    unit = max(1, round(max(picture.size) / 700))
    edges = {
        (min(pair), max(pair))
        for a, b, c in triangles.tolist()
        for pair in ((a, b), (b, c), (c, a))
    }
    canvas = ImageDraw.Draw(picture)
    for face in faces:
        _draw_face(canvas, face, edges, unit, picture.size)
    if not faces or not faces[0].blendshapes:
        return picture
    chart = _chart(faces[0].blendshapes, picture.height)
    joined = Image.new("RGB", (picture.width + chart.width, max(picture.height, chart.height)))
    joined.paste("#ffffff", (0, 0, *joined.size))
    joined.paste(picture, (0, 0))
    joined.paste(chart, (picture.width, 0))
    return joined


def _draw_face(
    canvas: ImageDraw.ImageDraw,
    face: Face,
    edges: set[tuple[int, int]],
    unit: int,
    size: tuple[int, int],
) -> None:
    points = [(x, y) for x, y, _ in face.pixels.tolist()]
    for first, second in sorted(edges):
        canvas.line([points[first], points[second]], MESH, unit)
    for center, *ring in IRISES:
        x, y = points[center]
        radius = sum(math.dist(points[center], points[k]) for k in ring) / len(ring)
        canvas.ellipse([x - radius, y - radius, x + radius, y + radius], None, IRIS, 2 * unit)
    if face.box is not None:
        x, y, width, height = face.box.tolist()
        wide, high = size
        corner = (x * wide, y * high, (x + width) * wide, (y + height) * high)
        canvas.rectangle(corner, None, BOX, 2 * unit)
    if face.matrix is not None:
        ends = _axes(face.matrix, size)
        for tip, color in zip(ends[1:], AXES, strict=True):
            canvas.line([ends[0], tip], color, 3 * unit)


def _axes(matrix: Tensor, size: tuple[int, int]) -> list[tuple[float, float]]:
    """Return where the camera sees the canonical face's origin and the ends of its axes."""
    wide, high = size
    focal = high / (2 * math.tan(math.radians(FIELD_OF_VIEW) / 2))
    ends = []
    for point in ([0.0, 0.0, 0.0], [AXIS, 0.0, 0.0], [0.0, AXIS, 0.0], [0.0, 0.0, AXIS]):
        x, y, z, _ = (matrix.double() @ matrix.new_tensor([*point, 1.0]).double()).tolist()
        ends.append((wide / 2 + focal * x / -z, high / 2 - focal * y / -z))
    return ends


def _chart(blendshapes: dict[str, float], height: int) -> Image.Image:
    shown = {name: value for name, value in blendshapes.items() if not name.startswith("_")}
    strongest = sorted(shown, key=lambda name: -shown[name])[:BARS]
    line = min(26, max(14, height // (BARS + 1)))
    font = ImageFont.load_default(line * 0.6)
    chart = Image.new("RGB", (14 * line, line * (BARS + 1)), "#ffffff")
    canvas = ImageDraw.Draw(chart)
    for row, name in enumerate(strongest):
        y = line * (row + 0.5)
        canvas.text((line * 0.5, y + line * 0.1), name, TEXT, font)
        start, length = 7.2 * line, 4.4 * line
        canvas.rectangle((start, y + line * 0.15, start + length, y + line * 0.8), "#eaeef2")
        end = start + max(1.0, length * shown[name])
        canvas.rectangle((start, y + line * 0.15, end, y + line * 0.8), BAR)
        canvas.text((start + length + 4, y + line * 0.1), f"{shown[name]:.2f}", TEXT, font)
    return chart
