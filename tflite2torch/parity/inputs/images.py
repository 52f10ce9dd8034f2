"""Images of a folder as inputs, letterboxed as MediaPipe's detectors do it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError, SourceError
from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.inputs.samples import Sample, random_values

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
"""Endings of the files in a folder that count as images."""

STEPS = 32
"""Steps between two pixels that OpenCV interpolates at: INTER_TAB_SIZE."""


def image_samples(folder: Path, ports: Sequence[Port], seed: int) -> list[Sample]:
    """Return a sample for every image in a folder, in the order of their names.

    An image input gets the image letterboxed and scaled to the input's range; other inputs
    get random values.

    Raises:
        SourceError: the folder holds no image, or one cannot be read.
        MissingDependencyError: Pillow is not installed.
    """
    generator = np.random.default_rng(seed)
    samples = []
    for path in image_files(folder):
        arrays = []
        for port in ports:
            if port.is_image:
                height, width = port.tflite_shape[1:3]
                arrays.append(port.image(letterbox(read_image(path), width, height)))
            else:
                arrays.append(random_values(port, generator))
        samples.append(Sample(path.name, tuple(arrays), wanted=True))
    return samples


def image_files(folder: Path) -> list[Path]:
    """Return the images in a folder, sorted by name.

    Raises:
        SourceError: it holds none, or cannot be read.
    """
    try:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read: {error.strerror}") from error
    if not paths:
        raise SourceError(f"{folder}: no {', '.join(ENDINGS)} file; give a folder of images")
    return paths


def read_image(path: Path) -> Array:
    """Return an image as uint8 RGB, H x W x 3.

    Raises:
        SourceError: it cannot be read.
        MissingDependencyError: Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingDependencyError(
            'reading images needs Pillow; pip install "tflite2torch[parity]"'
        ) from error
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise SourceError(f"{path}: cannot be read as an image ({error})") from error


def letterbox(pixels: Array, width: int, height: int) -> Array:
    """Return an image scaled to fit with its proportions kept, on black.

    It equals MediaPipe's ImageToTensorCalculator on a CPU, with keep_aspect_ratio and
    BORDER_ZERO, to the last bit except at places midway between two 32nds of a pixel, which
    OpenCV rounds as its matrix happens to.

    Source: PadRoi in image_to_tensor_utils.cc, and image_to_tensor_converter_opencv.cc.

    Args:
        pixels: uint8, H x W x 3.
        width: of the result.
        height: of the result.

    Returns:
        uint8, height x width x 3.
    """
    rows, columns = pixels.shape[:2]
    scale = max(columns / width, rows / height)
    across = _sample(pixels.swapaxes(0, 1), columns / 2, width, scale)
    down = _sample(across.swapaxes(0, 1), rows / 2, height, scale)
    # OpenCV rounds halves up, numpy to even.
    half_up = np.floor(down + 0.5)
    return half_up.astype(np.uint8)


def _sample(lines: Array, middle: float, count: int, scale: float) -> Array:
    """Return ``count`` lines around ``middle``, ``scale`` apart, interpolated linearly."""
    # OpenCV's warpPerspective samples at `left + x * scale`: pixels are points, not squares,
    # and an image that shrinks is not smoothed. Places are rounded to a 32nd of a pixel.
    places = np.rint((middle + (np.arange(count) - count / 2) * scale) * STEPS)
    first = np.floor_divide(places, STEPS).astype(int)
    share = (places / STEPS - first).reshape(-1, 1, 1)
    black = np.zeros((1, *lines.shape[1:]))
    framed = np.concatenate([black, lines, black])
    low = framed[np.clip(first + 1, 0, len(lines) + 1)]
    high = framed[np.clip(first + 2, 0, len(lines) + 1)]
    between: Array = low * (1 - share) + high * share
    return between
