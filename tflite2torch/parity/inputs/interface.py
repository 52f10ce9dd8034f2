"""How the tensors at a module's boundary line up with those of the TFLite model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflite2torch.parity.reference.wire import Array


@dataclass(frozen=True)
class Port:
    """One input or output of a module, and the TFLite tensor that it stands for.

    Attributes:
        name: what the module calls it, the manifest's "identifier".
        tensor: index of the TFLite tensor.
        sample_shape: its shape without the leading batch axis.
        dtype: name of its numpy dtype.
        permutation: axis ``i`` of the module's tensor is axis ``permutation[i]`` of the
            TFLite tensor; a leading -1 is a batch axis that the TFLite tensor lacks.
        value_range: smallest and largest value that belong there, where known.
    """

    name: str
    tensor: int
    sample_shape: tuple[int, ...]
    dtype: str
    permutation: tuple[int, ...]
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        axes = [axis for axis in self.permutation if axis != -1]
        whole = sorted(axes) == list(range(len(axes)))
        if not whole or -1 in self.permutation[1:] or not self.permutation:
            raise ValueError(f"{self.name}: {self.permutation} is no permutation")
        if len(self.sample_shape) != len(self.permutation) - 1:
            raise ValueError(f"{self.name}: permutation and shape differ in rank")

    @classmethod
    def from_manifest(cls, entry: Mapping[str, Any]) -> Port:
        """Build it from an entry of "inputs" or "outputs" in ``manifest.json``."""
        batch, *sample_shape = entry["shape"]
        if batch != "N":
            raise ValueError(f"{entry['identifier']}: the first axis is not the batch")
        limits = entry["value_range"]
        return cls(
            name=entry["identifier"],
            tensor=entry["tensor"],
            sample_shape=tuple(sample_shape),
            dtype=entry["dtype"],
            permutation=tuple(entry["permutation"]),
            value_range=None if limits is None else (limits[0], limits[1]),
        )

    @property
    def tflite_shape(self) -> tuple[int, ...]:
        """The shape of the TFLite tensor, whose batch is one."""
        sizes = dict(zip(self.permutation, (1, *self.sample_shape), strict=True))
        return tuple(sizes[axis] for axis in range(max(self.permutation) + 1))

    def to_module(self, array: Array) -> Array:
        """Return a TFLite tensor with its axes in the module's order, batch of one.

        Only the order of the axes changes, never the number of elements along one. Raises
        ValueError where the rank is not the one that the permutation is for.
        """
        if self.permutation[0] == -1:
            return array.transpose(self.permutation[1:])[np.newaxis]
        return array.transpose(self.permutation)

    def to_tflite(self, array: Array) -> Array:
        """Return a tensor of the module, batch of one, with its axes in TFLite's order."""
        if self.permutation[0] == -1:
            array, axes = array[0], self.permutation[1:]
        else:
            axes = self.permutation
        return array.transpose(np.argsort(axes))


@dataclass(frozen=True)
class Interface:
    """What a module takes and gives, each in the file's order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    def from_manifest(cls, model: Mapping[str, Any]) -> Interface:
        """Build it from a model's entry in ``manifest.json``."""
        return cls(
            inputs=tuple(Port.from_manifest(entry) for entry in model["inputs"]),
            outputs=tuple(Port.from_manifest(entry) for entry in model["outputs"]),
        )
