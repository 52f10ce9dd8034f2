"""What is known of a model's inputs and outputs: plain data, for reports and the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.graph.value import N, Value


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
