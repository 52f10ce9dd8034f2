"""Inputs for a comparison layer by layer: what a model is given, and what it may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tflite2torch.converter.errors import SourceError
from tflite2torch.parity.inputs.generated import (
    Sample,
    face_values,
    is_image,
    random_values,
    value_range,
)
from tflite2torch.parity.inputs.images import ENDINGS, letterbox, read_image
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.reference.wire import Array

UNLIMITED = (-1.0, 1.0)
"""The range that patterns take for inputs without one, floating-point values of any size."""

NORMAL_WIDTH = 0.25
"""Standard deviation of normal values, in widths of the range; what leaves it is clipped."""


def varied_samples(ports: Sequence[Port], seed: int) -> list[Sample]:
    """Return samples that differ in kind, and a face where an input can show one.

    They are: uniform over the input's range, normal around its middle, a ramp from its
    lower end to its upper end, its extremes at random, zeros, and ones. The same arguments
    give the same samples on every machine.
    """
    generator = np.random.default_rng(seed)
    patterns = ("uniform", "normal", "ramp", "extremes", "zeros", "ones")
    samples = [
        Sample(name, tuple(_pattern(name, port, generator) for port in ports))
        for name in patterns
    ]
    faces = [face_values(port) for port in ports]
    if any(face is not None for face in faces):
        arrays = tuple(
            random_values(port, generator) if face is None else face
            for port, face in zip(ports, faces, strict=True)
        )
        samples.append(Sample("face", arrays))
    return samples


def image_samples(folder: Path, ports: Sequence[Port], seed: int) -> list[Sample]:
    """Return a sample for every image in a folder, in the order of their names.

    An image input gets the image as MediaPipe's detectors do: scaled to fit with its
    proportions kept, black to both sides of it, pixels scaled to the input's range. Other
    inputs get random values.

    Raises:
        SourceError: the folder holds no image, one cannot be read, or the model takes none.
        MissingDependencyError: Pillow is not installed.
    """
    if not any(is_image(port) for port in ports):
        raise SourceError(f"{folder}: the model takes no image; give --inputs")
    generator = np.random.default_rng(seed)
    return [
        Sample(
            path.name,
            tuple(
                _photo(path, port) if is_image(port) else random_values(port, generator)
                for port in ports
            ),
            wanted=True,
        )
        for path in image_files(folder)
    ]


def image_files(folder: Path) -> list[Path]:
    """Return the images in a folder, by their name.

    Raises:
        SourceError: it holds none, or cannot be read.
    """
    try:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read: {error.strerror}") from error
    if not paths:
        raise SourceError(
            f"{folder}: no {', '.join(ENDINGS)} file; give a folder of images"
        )
    return paths


def _pattern(name: str, port: Port, generator: np.random.Generator) -> Array:
    """Return one kind of values, within the input's range where it has one."""
    if name == "uniform":
        return random_values(port, generator)
    low, high = value_range(port) or UNLIMITED
    shape = port.tflite_shape
    count = int(np.prod(shape))
    if name == "normal":
        width = NORMAL_WIDTH * (high - low)
        values = generator.normal((low + high) / 2, width, shape).clip(low, high)
    elif name == "ramp":
        values = np.linspace(low, high, count).reshape(shape)
    elif name == "extremes":
        values = generator.choice([low, high], shape)
    else:
        values = np.full(shape, float(name == "ones"))
    whole = np.dtype(port.dtype).kind != "f"
    return (values.round() if whole else values).astype(port.dtype)


def _photo(path: Path, port: Port) -> Array:
    """Return an image as an input takes one, 1 x H x W x 3."""
    low, high = value_range(port) or (0.0, 1.0)
    height, width = port.tflite_shape[1:3]
    pixels = letterbox(read_image(path), width, height) / 255.0
    return (pixels * (high - low) + low).astype(port.dtype)[np.newaxis]
