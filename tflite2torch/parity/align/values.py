"""Which TFLite tensor a value of a graph stands for, and what TFLite says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tflite2torch.converter.graph.value import Array, N, Value
from tflite2torch.parity.inputs.interface import Port

OUTPUT = "output"
"""The kind of layer that stands for what a module returns."""


def tensor_of(value: Value) -> int | None:
    """Return the index of the TFLite tensor that a value stands for, None without one."""
    return value.tensor


def port_of(value: Value) -> Port:
    """Return how a value lines up with its tensor, -1 where it stands for none."""
    tensor = -1 if value.tensor is None else value.tensor
    return Port(value.name, tensor, value.shape[1:], value.dtype, value.order)


def axes_of(value: Value) -> tuple[int, ...]:
    """Return the tensor's axis that each axis of a value is; -1 for an added batch axis."""
    return value.order


def output_value(entry: Mapping[str, Any]) -> Value:
    """Return the value of an output, from its entry in the manifest."""
    shape = tuple(N if size == "N" else size for size in entry["shape"])
    order = tuple(entry["permutation"])
    return Value(entry["identifier"], shape, entry["dtype"], entry["tensor"], order)


def relabel(value: Value, like: Value) -> None:
    """Let a value stand for the tensor of a value of another model, by its name."""
    value.name, value.tensor = like.name, like.tensor


def expected(value: Value, answers: Sequence[Mapping[int, Array]]) -> Array:
    """Return what TFLite's tensors say of a value, axes in its order, batch first.

    Args:
        value: it stands for a tensor.
        answers: for each sample of a batch, tensors by their index.
    """
    port = port_of(value)
    return np.concatenate([port.to_module(answer[port.tensor]) for answer in answers])
