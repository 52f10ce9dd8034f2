"""Conversions → the files that are written: source, weights, and the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.existing_manifest import MANIFEST, earlier_models, files_of
from tflite2torch.converter.manifest import GENERATOR, manifest_entry, weights_header
from tflite2torch.converter.output import output_folder
from tflite2torch.converter.writer.weights import (
    FloatType,
    WeightsFormat,
    serialize_weights,
)


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
        weights = serialize_weights(arrays, format, dtype, weights_header(conversion))
        yield f"{conversion.name}.{format}", weights
