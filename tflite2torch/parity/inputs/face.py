"""A real face as an input: a photo, or the landmarks of the one on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.interface import Port

FACE_BOX = (150, 44, 302, 196)
"""Left, top, right and bottom of the face with a margin in ``skimage.data.astronaut()``,
a square of 1.6 times the box that the official face detector finds there."""

FACE_LANDMARKS = Path(__file__).with_name("face_landmarks.json")
"""The 146 landmarks that MediaPipe's blendshapes model takes, measured on that face; the
file describes how."""


def face_values(port: Port) -> Array | None:
    """Return the face as an input takes it, or None for an input that takes no face.

    An image input gets the photo, stretched to its size and scaled to its range. An input
    of 146 points gets the landmarks, in pixels.
    """
    if port.is_image:
        height, width = port.tflite_shape[1:3]
        return port.image(face_photo(width, height))
    points = json.loads(FACE_LANDMARKS.read_text(encoding="utf-8"))["points"]
    if port.tflite_shape == (1, len(points), 2):
        return np.array([points], dtype=port.dtype)
    return None


def face_photo(width: int, height: int) -> Array:
    """Return the photo as uint8 RGB, H x W x 3.

    Raises:
        MissingDependencyError: scikit-image or Pillow is not installed.
    """
    try:
        import skimage.data
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            f"the photo of a face to compare on needs {error.name}; "
            'pip install "tflite2torch[parity]"'
        ) from error
    astronaut: Callable[[], Array] = skimage.data.astronaut
    photo = Image.fromarray(astronaut()).crop(FACE_BOX)
    return np.asarray(photo.resize((width, height), Image.Resampling.BILINEAR))
