"""Conversions → the files that are written: source, weights, and the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.existing_manifest import MANIFEST, earlier_models, files_of
from tflite2torch.converter.manifest import anchor_entry, weight_entries
from tflite2torch.converter.output import output_folder
from tflite2torch.converter.version import __version__
from tflite2torch.converter.writer.weights import (
    FloatType,
    WeightsFormat,
    serialize_weights,
)

GENERATOR = f"tflite2torch {__version__}"


def write_conversions(
    conversions: Sequence[Conversion],
    out: Path,
    format: WeightsFormat,
    dtype: FloatType,
    force: bool,
) -> list[Path]:
    """Write all models to a folder, every file or none; return their paths.

    The folder's manifest keeps the models that earlier calls wrote. Of one that is replaced,
    which takes ``force``, all files go that it does not have any more.

    Raises OutputError where the folder cannot be written, holds such files or models already,
    or a manifest that is not ours.
    """
    with output_folder(out, force) as folder:
        names = []
        for name, content in _files(conversions, format, dtype):
            folder.write(name, content)
            names.append(name)
        models = earlier_models(out, force)
        for conversion in conversions:
            earlier = models.pop(conversion.name, None)
            if earlier is None:
                continue
            if not force:
                raise OutputError(
                    f"{out / MANIFEST}: lists {conversion.name} already; add --force to "
                    "replace it, or choose another folder with -o"
                )
            for name in {*files_of(conversion.name, earlier)} - {*names}:
                folder.remove(name)
        for c in conversions:
            models[c.name] = {"generator": GENERATOR, **manifest_entry(c, format, dtype)}
        manifest = {"generator": GENERATOR, "models": models}
        folder.write(MANIFEST, json.dumps(manifest, indent=2) + "\n", replace=True)
    return [out / name for name in (*names, MANIFEST)]


def _files(
    conversions: Sequence[Conversion], format: WeightsFormat, dtype: FloatType
) -> Iterator[tuple[str, bytes | str]]:
    for conversion in conversions:
        yield f"{conversion.name}.py", conversion.source
        arrays = {key: value.array for key, value in conversion.state.items()}
        weights = serialize_weights(arrays, format, dtype, origin(conversion))
        yield f"{conversion.name}.{format}", weights


def origin(conversion: Conversion) -> dict[str, str]:
    """Return what a weights file says of itself: format, source, licence, and what wrote it."""
    return {
        "format": "pt",
        "source": conversion.file.label,
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
