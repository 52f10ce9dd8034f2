"""Conversions → the files that are written: source, weights, and the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.manifest import anchor_entry, weight_entries
from tflite2torch.converter.output import output_folder
from tflite2torch.converter.version import __version__
from tflite2torch.converter.writer.weights import (
    FloatType,
    WeightsFormat,
    serialize_weights,
)

MANIFEST = "manifest.json"


def write_conversions(
    conversions: Sequence[Conversion],
    out: Path,
    format: WeightsFormat,
    dtype: FloatType,
    force: bool,
) -> list[Path]:
    """Write all models to a folder, every file or none; return their paths.

    Raises OutputError where the folder cannot be written or holds such files already.
    """
    paths = []
    with output_folder(out, force) as folder:
        for name, content in _files(conversions, format, dtype):
            folder.write(name, content)
            paths.append(out / name)
    return paths


def _files(
    conversions: Sequence[Conversion], format: WeightsFormat, dtype: FloatType
) -> Iterator[tuple[str, bytes | str]]:
    for conversion in conversions:
        yield f"{conversion.name}.py", conversion.source
        arrays = {key: value.array for key, value in conversion.state.items()}
        weights = serialize_weights(arrays, format, dtype, origin(conversion))
        yield f"{conversion.name}.{format}", weights
    entries = {c.name: manifest_entry(c, format, dtype) for c in conversions}
    manifest = {"generator": f"tflite2torch {__version__}", "models": entries}
    yield MANIFEST, json.dumps(manifest, indent=2) + "\n"


def origin(conversion: Conversion) -> dict[str, str]:
    """Return what a weights file says of itself: format, source, licence, and what wrote it."""
    return {
        "format": "pt",
        "source": conversion.file.label,
        "sha256": conversion.file.sha256,
        "licence": conversion.metadata.licence or "not stated",
        "generator": f"tflite2torch {__version__}",
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
        "title": conversion.metadata.title or None,
        "licence": conversion.metadata.licence or None,
        "size_multiple": conversion.sizes.multiple,
        "anchors": anchor_entry(conversion.sizes),
        "inputs": conversion.inputs,
        "outputs": conversion.outputs,
        "parameters": conversion.parameters,
        "state_dict": weight_entries(conversion.state),
    }
