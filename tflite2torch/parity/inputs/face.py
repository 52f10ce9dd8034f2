"""Real pictures as inputs: a photo, the face on it, and the landmarks of that face."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.interface import Port

PHOTO = "grace_hopper.jpg"
"""The photo among matplotlib's sample data: Grace Hopper, by the US Navy, in the public domain."""

PICTURES = ("face", "face mirrored", "photo")
"""The face on the photo, its mirror image, and the whole photo."""

FACE_BOX = (113, 89, 424, 400)
"""Left, top, right and bottom of the face with a margin in the photo: a square of 1.6 times the
box that the official face detector finds there, around the same centre."""

FACE_LANDMARKS = Path(__file__).with_name("face_landmarks.json")
"""The 146 landmarks that MediaPipe's blendshapes model takes, measured on that face; the
file describes how."""


def picture_values(name: str, port: Port) -> Array | None:
    """Return one of ``PICTURES`` as an input takes it, or None for an input that does not.

    An image input gets the picture, stretched to its size and scaled to its range. An input
    of 146 points gets the landmarks of the face, in pixels.

    Raises:
        MissingDependencyError: as ``read_photo`` does.
    """
    if port.is_image:
        height, width = port.tflite_shape[1:3]
        if name == "photo":
            return port.image(_stretched(read_photo(), width, height))
        face = face_photo(width, height)
        return port.image(face[:, ::-1] if name == "face mirrored" else face)
    points = json.loads(FACE_LANDMARKS.read_text(encoding="utf-8"))["points"]
    if name == "face" and port.tflite_shape == (1, len(points), 2):
        return np.array([points], dtype=port.dtype)
    return None


def face_photo(width: int, height: int) -> Array:
    """Return the face as uint8 RGB, height x width x 3.

    Raises:
        MissingDependencyError: as ``read_photo`` does.
    """
    left, top, right, bottom = FACE_BOX
    return _stretched(read_photo()[top:bottom, left:right], width, height)


def _stretched(pixels: Array, width: int, height: int) -> Array:
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


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
