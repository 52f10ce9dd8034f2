"""Maps values of a graph to TFLite tensors, and to TFLite's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tflite2torch.converter.graph.value import Array, N, Provenance, Value
from tflite2torch.parity.inputs.interface import Port

OUTPUT = "output"
"""The kind of the report row of a module's output."""


def tensor_of(value: Value) -> int | None:
    """Return the index of the TFLite tensor that a value stands for, None without one."""
    return None if value.origin is None else value.origin.index


def port_of(value: Value) -> Port:
    """Return how a value lines up with its tensor, -1 where it stands for none."""
    tensor = tensor_of(value)
    return Port(
        name=value.name,
        tensor=-1 if tensor is None else tensor,
        sample_shape=value.shape[1:],
        dtype=value.dtype,
        permutation=value.permutation,
    )


def output_value(entry: Mapping[str, Any]) -> Value:
    """Return the value of an output, from its entry in the manifest."""
    shape = tuple(N if size == "N" else size for size in entry["shape"])
    name, permutation = entry["identifier"], tuple(entry["permutation"])
    origin = Provenance("tflite", entry["tensor"], name, permutation)
    return Value(name, shape, entry["dtype"], origin)


def expected(value: Value, answers: Sequence[Mapping[int, Array]]) -> Array:
    """Return TFLite's answers for a value, axes in its order, batch first.

    Args:
        value: one that stands for a tensor.
        answers: for each sample of a batch, tensors by their index.
    """
    port = port_of(value)
    return np.concatenate([port.to_module(answer[port.tensor]) for answer in answers])
