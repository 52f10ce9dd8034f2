"""Images as MediaPipe gives them to a model that takes a whole picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError, SourceError
from tflite2torch.parity.reference.wire import Array

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
"""Endings of the images that are taken out of a folder."""

STEPS = 32
"""Places between two pixels that OpenCV knows: INTER_TAB_SIZE."""


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
    """Return an image scaled to fit with its proportions kept, black to both sides of it.

    It does what MediaPipe's ImageToTensorCalculator does on a CPU, with keep_aspect_ratio
    and BORDER_ZERO as its detectors have it: OpenCV's warpPerspective reads the image at
    ``left + x * scale``, between four pixels and to a 32nd of one. Pixels are places, not
    squares, and nothing is smoothed where an image shrinks. It is the same to the last bit
    but for places midway between two 32nds, which OpenCV rounds as its matrix happens to.

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
    half_up = np.floor(down + 0.5)
    return half_up.astype(np.uint8)


def _sample(lines: Array, middle: float, count: int, scale: float) -> Array:
    """Return ``count`` lines around a place, each between two of those given."""
    places = np.rint((middle + (np.arange(count) - count / 2) * scale) * STEPS)
    first = np.floor_divide(places, STEPS).astype(int)
    share = (places / STEPS - first).reshape(-1, 1, 1)
    black = np.zeros((1, *lines.shape[1:]))
    framed = np.concatenate([black, lines, black])
    low = framed[np.clip(first + 1, 0, len(lines) + 1)]
    high = framed[np.clip(first + 2, 0, len(lines) + 1)]
    between: Array = low * (1 - share) + high * share
    return between
