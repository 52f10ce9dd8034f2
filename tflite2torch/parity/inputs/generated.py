"""What both sides are run on: seeded random values and a real face."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.reference.wire import Array

FACE_BOX = (150, 44, 302, 196)
"""Left, top, right and bottom of the face with a margin in ``skimage.data.astronaut()``,
a square of 1.6 times the box that the official face detector finds there."""

FACE_LANDMARKS = Path(__file__).with_name("face_landmarks.json")
"""The 146 landmarks that MediaPipe's blendshapes model takes, measured on that face; the
file says how."""


@dataclass(frozen=True)
class Sample:
    """One set of inputs, batch of one.

    Attributes:
        name: how reports call it.
        arrays: one for each input of the model, in TFLite's order and shape.
        wanted: whether somebody asked for it by name, so that it has to be compared.
    """

    name: str
    arrays: tuple[Array, ...]
    wanted: bool = False


def make_samples(ports: Sequence[Port], random: int, seed: int) -> list[Sample]:
    """Return ``random`` samples of random values, and a face where an input can show one.

    The same arguments give the same samples on every machine.
    """
    generator = np.random.default_rng(seed)
    samples = [
        Sample(
            f"random {index}", tuple(random_values(port, generator) for port in ports)
        )
        for index in range(random)
    ]
    faces = [face_values(port) for port in ports]
    if any(face is not None for face in faces):
        arrays = tuple(
            random_values(port, generator) if face is None else face
            for port, face in zip(ports, faces, strict=True)
        )
        samples.append(Sample("face", arrays))
    return samples


def value_range(port: Port) -> tuple[float, float] | None:
    """Return the input's declared range, or the usual one of what it seems to hold.

    That is 0 to 1 for floating-point images, 0 to 255 for integers (0 to 1 for bool), and
    None, which is no range, for other floating-point values.
    """
    if port.value_range is not None:
        return port.value_range
    kind = np.dtype(port.dtype).kind
    if kind == "f":
        return (0.0, 1.0) if is_image(port) else None
    return (0.0, 1.0) if kind == "b" else (0.0, 255.0)


def is_image(port: Port) -> bool:
    """Return whether the input has the shape of a colour image: 1 x H x W x 3."""
    return len(port.tflite_shape) == 4 and port.tflite_shape[3] == 3


def random_values(port: Port, generator: np.random.Generator) -> Array:
    """Return values spread evenly over the input's range, or normal ones without it."""
    limits = value_range(port)
    if limits is None:
        return generator.standard_normal(port.tflite_shape).astype(port.dtype)
    values = generator.uniform(*limits, port.tflite_shape)
    if np.dtype(port.dtype).kind != "f":
        values = values.round()
    return values.astype(port.dtype)


def face_values(port: Port) -> Array | None:
    """Return a face as this input takes one, None where its shape is not that of one.

    An image input gets the photo, stretched to its size and scaled to its range. One of
    146 points gets the face's landmarks in pixels.
    """
    if is_image(port):
        low, high = value_range(port) or (0.0, 1.0)
        height, width = port.tflite_shape[1:3]
        pixels = face_photo(width, height) / 255.0
        return (pixels * (high - low) + low).astype(port.dtype)[np.newaxis]
    points = json.loads(FACE_LANDMARKS.read_text(encoding="utf-8"))["points"]
    if port.tflite_shape == (1, len(points), 2):
        return np.array([points], dtype=port.dtype)
    return None


def face_photo(width: int, height: int) -> Array:
    """Return the face as uint8 RGB, H x W x 3.

    Raises:
        MissingDependencyError: where scikit-image or Pillow is not installed.
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
