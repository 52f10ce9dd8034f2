"""A real face as an input: a photo, or the landmarks of the one on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.interface import Port

PHOTO = "grace_hopper.jpg"
"""The photo among matplotlib's sample data: Grace Hopper, by the US Navy, in the public domain."""

FACE_BOX = (113, 89, 424, 400)
"""Left, top, right and bottom of the face with a margin in the photo: a square of 1.6 times the
box that the official face detector finds there, around the same centre."""

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
    """Return the face as uint8 RGB, H x W x 3.

    Raises:
        MissingDependencyError: as ``read_photo`` does.
    """
    photo = read_photo()
    from PIL import Image

    face = Image.fromarray(photo).crop(FACE_BOX)
    return np.asarray(face.resize((width, height), Image.Resampling.BILINEAR))


def read_photo() -> Array:
    """Return the whole photo as uint8 RGB, 600 x 512 x 3.

    Raises:
        MissingDependencyError: matplotlib, its sample data or Pillow is not installed.
    """
    try:
        from matplotlib.cbook import get_sample_data
        from PIL import Image

        with Image.open(get_sample_data(PHOTO, asfileobj=False)) as photo:
            return np.asarray(photo)
    except (ImportError, FileNotFoundError) as error:
        missing = error.name if isinstance(error, ImportError) else f"matplotlib's {PHOTO}"
        raise MissingDependencyError(
            f'the photo of a face to compare on needs {missing}; pip install "tflite2torch[parity]"'
        ) from error
