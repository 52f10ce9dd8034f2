"""Inputs that a function of the user's yields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from tflite2torch.converter.errors import SourceError
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.inputs.samples import Sample

Loader = Callable[[], Iterable[Mapping[str, Any]]]
"""Returns samples, each an array for each input by the module's name for it, in TFLite's shape."""

MOST = 64
"""Samples that are taken of a loader unless another number is asked for: it may have no end."""


def loaded_samples(name: str, loader: Loader, ports: Sequence[Port], most: int) -> list[Sample]:
    """Return the first samples of a loader.

    Args:
        name: how messages and reports call the loader.
        loader: called without arguments.
        ports: the model's inputs.
        most: how many samples are taken, if it has as many.

    Raises:
        SourceError: it raises, yields none, or a sample does not fit the inputs.
    """
    samples: list[Sample] = []
    try:
        for index, arrays in enumerate(islice(loader(), most)):
            found = tuple(_array(f"{name} {index}", arrays, port) for port in ports)
            samples.append(Sample(f"{name} {index}", found, wanted=True))
    except SourceError:
        raise
    except Exception as error:  # whatever the user's code raises
        told = " ".join(str(error).split())
        raise SourceError(f"{name}: raises {type(error).__name__}: {told}") from error
    if not samples:
        raise SourceError(f"{name}: yields no sample")
    return samples


def _array(name: str, arrays: Mapping[str, Any], port: Port) -> np.ndarray[Any, Any]:
    if not isinstance(arrays, Mapping) or port.name not in arrays:
        has = ", ".join(map(str, arrays)) if isinstance(arrays, Mapping) else "no names"
        raise SourceError(f"{name}: no array named {port.name}; it has {has}")
    array = np.asarray(arrays[port.name])
    if array.shape != port.tflite_shape or array.dtype != port.dtype:
        raise SourceError(
            f"{name}: {port.name} is {array.dtype} {list(array.shape)}; give {port.dtype} "
            f"{list(port.tflite_shape)}"
        )
    return array
