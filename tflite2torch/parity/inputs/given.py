"""A summary of the inputs of a comparison, small enough for a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.inputs.samples import Sample

PIXELS = 96
"""Longer side of a thumbnail."""


@dataclass(frozen=True)
class Given:
    """One input of one sample.

    Attributes:
        sample: the sample's name.
        input: what the module calls the input.
        shape: in TFLite's order of axes.
        dtype: of its numbers.
        low: the smallest finite number, 0 where there is none.
        high: the largest finite number, 0 where there is none.
        thumbnail: JPEG in base64 of an input that is an image, where that was asked for.
    """

    sample: str
    input: str
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    thumbnail: str = ""


def describe(
    samples: Sequence[Sample], ports: Sequence[Port], *, pictured: bool
) -> tuple[Given, ...]:
    """Summarize each input of each sample; ``pictured`` adds thumbnails, by Pillow."""
    found = []
    for sample in samples:
        for port, array in zip(ports, sample.arrays, strict=True):
            finite = array[np.isfinite(array)]
            image = pictured and port.is_image
            given = Given(
                sample.name,
                port.name,
                array.shape,
                array.dtype.name,
                float(finite.min()) if finite.size else 0.0,
                float(finite.max()) if finite.size else 0.0,
                _thumbnail(array[0], port) if image else "",
            )
            found.append(given)
    return tuple(found)


def _thumbnail(pixels: Array, port: Port) -> str:
    from PIL import Image

    low, high = port.limits or (0.0, 1.0)
    scaled = np.nan_to_num((pixels - low) / ((high - low) or 1.0)).clip(0, 1) * 255
    image = Image.fromarray(scaled.round().astype(np.uint8))
    image.thumbnail((PIXELS, PIXELS))
    file = io.BytesIO()
    image.save(file, "JPEG")  # a PNG of noise takes four times as much
    return base64.b64encode(file.getvalue()).decode()
