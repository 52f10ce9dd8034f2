"""The manifest that a folder has already: which models earlier conversions wrote to it.

It is untrusted, for anyone may have edited it: nothing in it is followed out of its folder.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.writer.weights import WeightsFormat

MANIFEST = "manifest.json"

MAX_MANIFEST = 16 << 20
"""The largest manifest that is read, in bytes; that of all official models has one million."""

Entries = dict[str, dict[str, Any]]


def earlier_models(folder: Path, force: bool) -> Entries:
    """Return the entries of the models that a folder's manifest lists, by name.

    There are none without a manifest, or where ``force`` allows to replace one that is not
    ours.

    Raises OutputError where it is not ours, broken, or too large.
    """
    path = folder / MANIFEST
    try:
        return _read(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        if force:
            return {}
        reason = str(getattr(error, "strerror", None) or error)
        raise OutputError(
            f"{path}: is no manifest of tflite2torch that can be added to: {reason[:200]}; "
            "move it away, add --force to replace it, or choose another folder with -o"
        ) from error


def files_of(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files that the entry of a model lists and that can be its own."""
    own = [f"{name}.{suffix}" for suffix in ("py", *get_args(WeightsFormat))]
    yield from (file for key in ("module", "weights") if (file := entry.get(key)) in own)


def _read(path: Path) -> Entries:
    if not stat.S_ISREG(path.lstat().st_mode):  # a pipe would be waited for
        raise ValueError("it is no regular file")
    if (size := path.stat().st_size) > MAX_MANIFEST:
        raise ValueError(f"it has {size} bytes")
    document = json.loads(path.read_bytes())
    generator = document.get("generator") if isinstance(document, dict) else None
    if not isinstance(generator, str) or not generator.startswith("tflite2torch "):
        raise ValueError("it does not say that tflite2torch wrote it")
    models = document.get("models")
    if not isinstance(models, dict) or not all(isinstance(m, dict) for m in models.values()):
        raise ValueError("it has no models")
    json.dumps(models, allow_nan=False)  # it is to be written again
    return {name: {"generator": generator, **entry} for name, entry in models.items()}
