"""Values of a batch, as numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tflite2torch.converter.graph.value import Array


def array_of(values: Sequence[Tensor], place: int) -> Array | None:
    """Return one of some values; types that numpy lacks are widened to float32."""
    if place >= len(values):
        return None
    narrow = values[place].dtype in (torch.float16, torch.bfloat16)
    return (values[place].float() if narrow else values[place]).numpy()


def dtype_of(values: Sequence[Tensor], place: int) -> str:
    """Return the type of one of some values; empty where there is none."""
    return str(values[place].dtype).partition(".")[2] if place < len(values) else ""


def is_batch(array: Array, batch: int) -> bool:
    """Return whether an array has a batch axis of a size."""
    return array.ndim > 0 and len(array) == batch


def sample_of(array: Array | None, position: int, batch: int) -> Array | None:
    """Return one sample of a batch; of an array that is no such batch, the whole array."""
    if array is None:
        return None
    if not is_batch(array, batch):
        # Not reshaped to fit: with another axis in front, its shape is a failure.
        return array[np.newaxis]
    return array[position : position + 1]
