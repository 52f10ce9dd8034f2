"""How a module's inputs and outputs line up with the tensors of the TFLite model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tflite2torch.converter.errors import NotComparableError
from tflite2torch.converter.graph.value import Array

if TYPE_CHECKING:
    from tflite2torch.converter.convert import Conversion


@dataclass(frozen=True)
class Port:
    """A value of a module, such as an input, and the TFLite tensor that it stands for.

    Attributes:
        name: what the module calls it, the manifest's "identifier".
        tensor: index of the TFLite tensor.
        sample_shape: shape of one sample, without the leading batch axis.
        dtype: name of its numpy dtype.
        permutation: axis ``i`` of the module's tensor is axis ``permutation[i]`` of the
            TFLite tensor; a leading -1 is a batch axis that the TFLite tensor lacks. Axes of
            the TFLite tensor that it does not list have the size one.
        value_range: smallest and largest value that the file declares, where it does.

    Raises:
        ValueError: the permutation is none, or has another rank than the shape.
    """

    name: str
    tensor: int
    sample_shape: tuple[int, ...]
    dtype: str
    permutation: tuple[int, ...]
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        axes = [axis for axis in self.permutation if axis != -1]
        distinct = len(set(axes)) == len(axes) and min(axes, default=0) >= 0
        if not distinct or -1 in self.permutation[1:] or not self.permutation:
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
        return tuple(sizes.get(axis, 1) for axis in range(max(self.permutation) + 1))

    @property
    def is_image(self) -> bool:
        """Whether the TFLite tensor has the shape of a colour image, 1 x H x W x 3."""
        return len(self.tflite_shape) == 4 and self.tflite_shape[3] == 3

    @property
    def limits(self) -> tuple[float, float] | None:
        """The declared value range, or the usual one of the type.

        That is 0 to 1 for floating-point images and bool, 0 to 255 for integers, and None
        for other floating-point values, which may have any size.
        """
        if self.value_range is not None:
            return self.value_range
        kind = np.dtype(self.dtype).kind
        if kind == "f":
            return (0.0, 1.0) if self.is_image else None
        return (0.0, 1.0) if kind == "b" else (0.0, 255.0)

    def to_module(self, array: Array) -> Array:
        """Return a TFLite tensor with its axes in the module's order, batch of one.

        Only the order of the axes changes, and axes of size one that the module lacks go.
        Raises ValueError where the tensor has other axes than the permutation says.
        """
        own = [axis for axis in self.permutation if axis != -1]
        missing = tuple(axis for axis in range(max(own, default=-1) + 1) if axis not in own)
        if array.ndim != len(own) + len(missing):
            raise ValueError(f"{self.name}: {array.ndim} axes do not fit {self.permutation}")
        kept = sorted(own)
        array = array.squeeze(missing).transpose([kept.index(axis) for axis in own])
        return array[np.newaxis] if len(own) < len(self.permutation) else array

    def to_tflite(self, array: Array) -> Array:
        """Return a tensor of the module, batch of one, with its axes in TFLite's order."""
        own = [axis for axis in self.permutation if axis != -1]
        array = array[0] if len(own) < len(self.permutation) else array
        missing = [axis for axis in range(max(own, default=-1) + 1) if axis not in own]
        return np.expand_dims(array.transpose(np.argsort(own)), missing)

    def image(self, pixels: Array) -> Array:
        """Return uint8 pixels, H x W x 3, as the TFLite tensor of an image takes them."""
        low, high = self.limits or (0.0, 1.0)
        scaled = pixels / 255.0 * (high - low) + low
        return scaled.astype(self.dtype)[np.newaxis]


@dataclass(frozen=True)
class Interface:
    """The inputs and outputs of a module, in the file's order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    def of(cls, conversion: Conversion) -> Interface:
        """Return the interface of a conversion's module.

        Raises NotComparableError where an input or output has no batch: samples cannot run
        together then, nor one by one.
        """
        for entry in (*conversion.inputs, *conversion.outputs):
            if entry["shape"][:1] != ["N"]:
                raise NotComparableError(
                    f"{conversion.file.label}: it cannot be compared: the first axis of "
                    f"{entry['identifier']} {entry['shape']} is not the batch; "
                    "convert --no-verify writes it all the same"
                )
        return cls(
            inputs=tuple(map(Port.from_manifest, conversion.inputs)),
            outputs=tuple(map(Port.from_manifest, conversion.outputs)),
        )

    def stack(self, samples: Sequence[Sequence[Array]]) -> list[Array]:
        """Return the inputs of some samples as one batch, axes in the module's order.

        Args:
            samples: for each sample an array for each input, as TFLite takes them.
        """
        return [
            np.concatenate([port.to_module(sample[index]) for sample in samples])
            for index, port in enumerate(self.inputs)
        ]
