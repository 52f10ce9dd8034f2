"""What the manifest and the weights file say of a model: plain data, for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.sizes import Sizes
from tflite2torch.converter.version import __version__
from tflite2torch.converter.writer.weights import FloatType, WeightsFormat

GENERATOR = f"tflite2torch {__version__}"

MOST_VALUES = 1024
"""The most values of a constant that the manifest lists."""


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


def weights_header(conversion: Conversion) -> dict[str, str]:
    """Return what a weights file says of itself: format, source, licence, and what wrote it."""
    return {
        "format": "pt",
        "source": conversion.file.origin,
        "sha256": conversion.file.sha256,
        "licence": conversion.metadata.licence or "not stated",
        "generator": GENERATOR,
    }


def model_facts(conversion: Conversion) -> dict[str, Any]:
    """Return what a model does, its licence, the sizes that it takes, and its anchors."""
    return {
        "title": conversion.metadata.title or None,
        "licence": conversion.metadata.licence or None,
        "size_multiple": conversion.sizes.multiple,
        "anchors": anchor_entry(conversion.sizes),
    }


def manifest_entry(
    conversion: Conversion,
    format: WeightsFormat = "safetensors",
    dtype: FloatType = "float32",
) -> dict[str, Any]:
    """Return what the manifest says of one model: where it and each weight came from."""
    return {
        "class": conversion.class_name,
        "module": f"{conversion.name}.py",
        "weights": f"{conversion.name}.{format}",
        "dtype": dtype,
        "source": conversion.file.label,
        "sha256": conversion.file.sha256,
        **model_facts(conversion),
        "inputs": conversion.inputs,
        "outputs": conversion.outputs,
        "parameters": conversion.parameters,
        "state_dict": weight_entries(conversion.state),
    }
