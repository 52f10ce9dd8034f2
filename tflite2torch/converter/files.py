"""Conversions → the files that are written: source, weights, and the manifest."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
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
    rejected: Callable[[], Collection[str]] = frozenset,
) -> list[Path]:
    """Write all models to a folder, every file or none; return their paths.

    The folder's manifest keeps the models that earlier calls wrote. Of one that is replaced,
    which takes ``force``, all files go that it does not have any more.

    Args:
        conversions: the models.
        out: the folder.
        format: of the weights.
        dtype: of the weights.
        force: whether files and models that are there are replaced.
        rejected: called when all is ready and before anything appears; returns the names of the
            models that are not to be written.

    Raises OutputError where the folder cannot be written, holds such files or models already,
    or a manifest that is not ours.
    """
    with output_folder(out, force) as folder:
        files: dict[str, list[str]] = {c.name: [] for c in conversions}
        for conversion in conversions:
            for name, content in _files(conversion, format, dtype):
                folder.write(name, content)
                files[conversion.name].append(name)
        _check_models(conversions, earlier_models(out, force), out, force)
        for model in rejected():
            for name in files.pop(model):
                folder.withdraw(name)
        if not files:
            return []
        names = [name for own in files.values() for name in own]
        models = earlier_models(out, force)
        for conversion in (c for c in conversions if c.name in files):
            earlier = models.pop(conversion.name, {})
            for name in {*files_of(conversion.name, earlier)} - {*names}:
                folder.remove(name)
            entry = manifest_entry(conversion, format, dtype)
            models[conversion.name] = {"generator": GENERATOR, **entry}
        manifest = {"generator": GENERATOR, "models": models}
        folder.write(MANIFEST, json.dumps(manifest, indent=2) + "\n", replace=True)
    return [out / name for name in (*names, MANIFEST)]


def _check_models(
    conversions: Sequence[Conversion], earlier: Collection[str], out: Path, force: bool
) -> None:
    for conversion in conversions:
        if conversion.name in earlier and not force:
            raise OutputError(
                f"{out / MANIFEST}: lists {conversion.name} already; add --force to "
                "replace it, or choose another folder with -o"
            )


def _files(
    conversion: Conversion, format: WeightsFormat, dtype: FloatType
) -> Iterator[tuple[str, bytes | str]]:
    yield f"{conversion.name}.py", conversion.source
    arrays = {key: value.array for key, value in conversion.state.items()}
    weights = serialize_weights(arrays, format, dtype, weights_header(conversion))
    yield f"{conversion.name}.{format}", weights
