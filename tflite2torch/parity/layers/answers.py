"""Collects inputs and the outputs of both sides, to be saved."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample


@dataclass(frozen=True)
class Answers:
    """What both sides gave for the inputs that were compared, stacked along the first axis.

    Attributes:
        inputs: by the module's names, in TFLite's shape, as ``--inputs`` takes them.
        tflite: the outputs of the reference kernels, by the module's names, in its order of axes.
        pytorch: those of the module; one is missing where it gave none of TFLite's shape.
    """

    inputs: Mapping[str, Array]
    tflite: Mapping[str, Array]
    pytorch: Mapping[str, Array]


Pair = tuple[Array, Array | None]
"""An output of the reference kernels and of the module, batch of one."""


def collected(
    interface: Interface, samples: Mapping[int, Sample], outputs: Mapping[tuple[str, int], Pair]
) -> Answers:
    """Return what is to be saved.

    Args:
        interface: of the module.
        samples: those that were compared, by their number.
        outputs: of both sides, by the name of the output and the number of the sample.
    """
    inputs = {
        port.name: _stacked(
            [sample.arrays[place] for sample in samples.values()], port.permutation[0] == 0
        )
        for place, port in enumerate(interface.inputs)
    }
    tflite, pytorch = {}, {}
    for port in interface.outputs:
        pairs = [outputs[port.name, n] for n in samples if (port.name, n) in outputs]
        tflite[port.name] = _stacked([theirs for theirs, _ in pairs])
        ours = [own for theirs, own in pairs if own is not None and own.shape == theirs.shape]
        if len(ours) == len(samples):
            pytorch[port.name] = _stacked(ours)
    return Answers(inputs, tflite, pytorch)


def _stacked(arrays: Sequence[Array], batched: bool = True) -> Array:
    return np.concatenate(arrays) if batched else np.stack(arrays)


def as_files(answers: Answers) -> dict[str, bytes | str]:
    """Return an ``.npz`` file for the inputs, and one for the outputs of each side, by name."""
    files: dict[str, bytes | str] = {}
    for name in ("inputs", "tflite", "pytorch"):
        stream = io.BytesIO()
        np.savez_compressed(stream, **getattr(answers, name))
        files[f"{name}.npz"] = stream.getvalue()
    return files
