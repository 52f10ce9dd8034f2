"""What the manifest says of a model's inputs, outputs and weights: plain data, for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.planning.sizes import Sizes

MOST_VALUES = 1024
"""The most values of a constant that the manifest lists."""


def interface_entries(
    values: Sequence[Value], names: Sequence[str], metadata: Sequence[TensorMetadata]
) -> list[dict[str, Any]]:
    """Return an entry for each input or output, in the file's order."""
    entries = []
    for index, (value, name) in enumerate(zip(values, names, strict=True)):
        known = metadata[index] if index < len(metadata) else TensorMetadata()
        entries.append(
            {
                "name": value.name,
                "identifier": name,
                "shape": ["N" if size is N else int(size) for size in value.shape],
                "dtype": value.dtype,
                "value_range": None if known.value_range is None else list(known.value_range),
                "unit": known.unit or None,
                "meaning": known.meaning or known.description or None,
                "resize": known.resize or None,
                "labels": list(known.labels),
                "tensor": value.origin.index if value.origin else None,
                "permutation": list(value.permutation),
            }
        )
    return entries


def anchor_entry(sizes: Sizes) -> dict[str, Any] | None:
    """Return how the rows of a detector's outputs belong to anchors; None for no detector.

    Row after row: for each feature map, in this order, its cells row by row; for each cell so
    many anchors. An anchor is at the center of its cell, ``(column + 0.5) * stride`` pixels
    from the left and ``(row + 0.5) * stride`` from the top of the input.
    """
    if sizes.anchor_grid is None:
        return None
    maps = [{"stride": stride, "anchors_per_cell": count} for stride, count in sizes.anchor_grid]
    return {"feature_maps": maps, "center": 0.5}


def weight_entries(state: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    """Return for each key of a state_dict which of the file's tensors it holds, and how.

    Of integers, such as lists of indices, the values too: no one reads these in a weights file.
    """
    return {
        key: {
            "tensor": value.origin.index if value.origin else None,
            "name": value.name,
            "shape": [int(size) for size in value.shape],
            "permutation": list(value.permutation),
        }
        | ({"values": value.array.tolist()} if _is_listed(value) else {})
        for key, value in state.items()
    }


def _is_listed(value: Value) -> bool:
    """Return whether a constant is of integers, and not too long to be read."""
    return value.array.dtype.kind in "iu" and value.array.size <= MOST_VALUES
