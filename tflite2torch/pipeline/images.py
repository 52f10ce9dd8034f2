"""Takes images as people have them: paths, PIL, NumPy, torch; all become RGB of 8 bits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import torch
from torch import Tensor

from tflite2torch.converter.errors import MissingDependencyError, SourceError
from tflite2torch.converter.frontends.file import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

ImageLike = Union[str, "os.PathLike[str]", "Image", "NDArray[Any]", Tensor]
"""What ``read_image`` takes."""


def read_image(image: ImageLike, label: str = "image") -> Tensor:
    """Return an image as 3 x H x W, uint8, RGB; on the device where a tensor is, else on the CPU.

    Files and PIL images are turned as their EXIF orientation says. Grey is repeated, alpha is
    ignored as MediaPipe ignores it, and 16 bits lose the lower 8.

    Args:
        image: a path, a PIL image, an array H x W or H x W x 1, 3 or 4, or a tensor
            1, 3 or 4 x H x W; arrays and tensors in uint8 or uint16.
        label: what messages call an image that has no path.

    Raises:
        SourceError: the file is missing, broken or no image; or the image is empty, or has
            another dtype or shape.
        MissingDependencyError: a path is given, and Pillow is not installed.
    """
    if isinstance(image, Tensor):
        return _channels(image, label, 0)
    if isinstance(image, np.ndarray):
        values = np.ascontiguousarray(image if image.ndim == 3 else image[..., None])
        if values.dtype not in (np.uint8, np.uint16):
            raise SourceError(_wrong_type(label, values.dtype))
        if not values.flags.writeable:  # as PIL's are; torch has no such tensors
            values = values.copy()
        return _channels(torch.from_numpy(values), label, 2)
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingDependencyError(
            'reading an image needs Pillow: pip install "tflite2torch[pipeline]"'
        ) from error
    given: object = image
    if isinstance(given, Image.Image):
        return _of_pillow(given, label)
    if not isinstance(given, (str, os.PathLike)):
        kind = type(given).__name__
        raise SourceError(f"{label}: a {kind}; give a path, a PIL image, an array or a tensor")
    name = printable(str(os.fspath(given)))
    try:
        with open(given, "rb") as stream, Image.open(stream) as opened:
            return _of_pillow(opened, name)
    except UnidentifiedImageError as error:
        raise SourceError(f"{name}: no image that Pillow reads; convert it to PNG") from error
    except (OSError, Image.DecompressionBombError) as error:
        cause = getattr(error, "strerror", None) or error
        raise SourceError(f"{name}: cannot be read: {cause}; check the path") from error


def _of_pillow(image: Image, name: str) -> Tensor:
    from PIL import ImageOps

    if image.mode == "F":
        raise SourceError(_wrong_type(name, "float32"))
    try:
        turned = ImageOps.exif_transpose(image)
        if turned.mode.startswith("I"):  # 16 bits, which Pillow's conversion would clip
            values = np.asarray(turned)
            if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
                raise SourceError(_wrong_type(name, values.dtype))
            return read_image(values.astype(np.uint16), name)
        return read_image(np.asarray(turned.convert("RGB")), name)
    except (OSError, ValueError, SyntaxError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{name}: the image is broken: {error}; fetch it again") from error


def _channels(image: Tensor, label: str, axis: int) -> Tensor:
    """Return three channels, first, of 8 bits."""
    order = "H x W x 3" if axis else "3 x H x W"
    if image.dtype not in (torch.uint8, torch.uint16):
        raise SourceError(_wrong_type(label, image.dtype))
    if image.ndim == 2 and not axis:
        image = image[None]
    shape = tuple(image.shape)
    if image.ndim != 3 or shape[axis] not in (1, 3, 4):
        raise SourceError(f"{label}: its shape is {shape}, not {order}")
    if 0 in shape:
        raise SourceError(f"{label}: its shape is {shape}: there are no pixels")
    if image.dtype == torch.uint16:
        image = (image.int() >> 8).to(torch.uint8)
    image = image.movedim(axis, 0)
    return image.expand(3, -1, -1) if len(image) == 1 else image[:3]


def _wrong_type(label: str, dtype: object) -> str:
    name = str(dtype).removeprefix("torch.")
    return f"{label}: the range of {name} is not known; give uint8, such as (values * 255).round()"
