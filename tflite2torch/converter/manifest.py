"""What the manifest says of a model's inputs, outputs and weights: plain data, for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.graph.value import N, Value


def interface_entries(
    values: Sequence[Value], names: Sequence[str], metadata: Sequence[TensorMetadata]
) -> list[dict[str, Any]]:
    """Return an entry for each input or output, in the file's order."""
    entries = []
    for index, (value, name) in enumerate(zip(values, names, strict=True)):
        known = metadata[index].value_range if index < len(metadata) else None
        entries.append(
            {
                "name": value.name,
                "identifier": name,
                "shape": ["N" if size is N else int(size) for size in value.shape],
                "dtype": value.dtype,
                "value_range": None if known is None else list(known),
                "tensor": value.origin.index if value.origin else None,
                "permutation": list(value.permutation),
            }
        )
    return entries


def weight_entries(state: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    """Return for each key of a state_dict which of the file's tensors it holds, and how."""
    return {
        key: {
            "tensor": value.origin.index if value.origin else None,
            "name": value.name,
            "shape": [int(size) for size in value.shape],
            "permutation": list(value.permutation),
        }
        for key, value in state.items()
    }
