"""Reads the canonical face of a bundle: ``geometry_pipeline_metadata_landmarks.binarypb``.

The messages are ``GeometryPipelineMetadata``, ``Mesh3d`` and ``WeightedLandmarkRef`` of MediaPipe's
``tasks/cc/vision/face_geometry/proto``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tflite2torch.converter.errors import InvalidModelError

MESH, BASIS = 1, 2
VERTICES, INDICES = 3, 4
VERTEX = 5
"""Numbers of a vertex: x, y, z in centimetres, and its place in a texture."""

MAX_VERTICES = 100_000


@dataclass(frozen=True)
class FaceGeometry:
    """A face that points are fitted to.

    Attributes:
        vertices: P x 3, in centimetres; x to the person's left, y up, z towards the camera.
        triangles: T x 3, places of vertices.
        weights: P, how much each vertex counts in a fit; most are 0.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int64]
    weights: NDArray[np.float32]


def read_geometry(data: bytes, label: str) -> FaceGeometry:
    """Return the geometry of a file's bytes.

    Raises InvalidModelError, with the label, where they are no such message.
    """
    vertices: list[float] = []
    indices: list[int] = []
    weights: dict[int, float] = {}
    try:
        for number, value in _fields(data):
            if number == MESH:
                for part, content in _fields(_bytes(value)):
                    if part == VERTICES:
                        vertices += np.frombuffer(_bytes(content), "<f4").tolist()
                    elif part == INDICES:
                        indices += [content] if isinstance(content, int) else _varints(content)
            elif number == BASIS:
                facts = dict(_fields(_bytes(value)))
                (weight,) = struct.unpack("<f", _bytes(facts[2]))
                weights[int(facts.get(1, 0))] = weight
    except (ValueError, KeyError, struct.error) as error:
        raise InvalidModelError(f"{label}: not the geometry of a face: {error}") from error
    points = np.array(vertices, np.float32)
    count = len(points) // VERTEX
    sound = 3 <= count <= MAX_VERTICES and len(points) % VERTEX == 0 and len(indices) % 3 == 0
    sound = sound and bool(np.isfinite(points).all()) and max([0, *indices, *weights]) < count
    if not sound or not sum(weights.values()) > 0 or min(weights.values()) < 0:
        raise InvalidModelError(f"{label}: the vertices, triangles and weights do not fit")
    weight = np.zeros(count, np.float32)
    weight[list(weights)] = list(weights.values())
    triangles = np.array(indices, np.int64).reshape(-1, 3)
    return FaceGeometry(points.reshape(-1, VERTEX)[:, :3], triangles, weight)


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the number and value of each field of a message: bytes, or the number of a varint."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == 0:
            number, place = _varint(data, place)
            yield tag >> 3, number
            continue
        if kind == 2:
            length, place = _varint(data, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if length > len(data) - place:
            raise ValueError("a field ends after the file")
        yield tag >> 3, data[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("it is cut off")
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("a number of more than 10 bytes")


def _varints(data: bytes) -> Iterator[int]:
    place = 0
    while place < len(data):
        number, place = _varint(data, place)
        yield number


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message stands")
    return value
