"""Gets official models by name: from the user's cache, or from where Google publishes them."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tflite2torch.converter.cache import cache_folder
from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.sources import source_path
from tflite2torch.official_models import OFFICIAL, OfficialModel

CHUNK = 1 << 16
TIMEOUT = 30
MAX_BYTES = 1 << 28
"""The most bytes that are taken; the largest official model has 30 MB."""

Told = Callable[[int, int], None]
"""Called with how many bytes are there, and how many there will be, 0 if that is not known."""


def find_source(source: str | os.PathLike[str], told: Told = lambda done, total: None) -> Path:
    """Return the path that a source names: a file, a folder, or the name of an official model.

    What exists comes first. A model that is not in the cache is downloaded.

    Raises:
        SourceError: as ``source_path`` and ``fetch`` do.
    """
    text = os.fspath(source)
    model = OFFICIAL.get(text)
    if model is None or os.path.lexists(text):
        return source_path(source)
    return fetch(model, told)


def models_folder() -> Path:
    """Return the folder of official models in the user's cache."""
    return cache_folder() / "models"


def cached(model: OfficialModel) -> Path:
    """Return where a model is in the cache, whether it is there or not."""
    return models_folder() / model.sha256[:12] / model.file


def fetch(model: OfficialModel, told: Told = lambda done, total: None) -> Path:
    """Return the path of an official model in the cache; download it if it is not there.

    A download that was interrupted goes on where it ended. The file appears when it is complete and
    has the right checksum.

    Raises:
        SourceError: it cannot be downloaded, or has another checksum.
    """
    path = cached(model)
    if path.is_file():
        if _sha256(path) != model.sha256:
            raise SourceError(f"{path}: it is not the official {model.file}; remove it")
        return path
    part = path.with_suffix(f"{path.suffix}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(model.url, part, told)
        found = _sha256(part)
    except (OSError, ValueError) as error:  # urllib's errors are OSError
        cause = getattr(error, "reason", None) or error
        raise SourceError(
            f"{model.name}: {model.url} cannot be downloaded: {cause}; get {model.file}, whose "
            f"SHA-256 is {model.sha256}, and put it into {path.parent}"
        ) from error
    if found != model.sha256:
        part.unlink()
        raise SourceError(
            f"{model.name}: {model.url} has the SHA-256 {found}, not {model.sha256}: Google has "
            "published another file, or it was changed on its way; give the file itself"
        )
    part.replace(path)
    return path


def _download(url: str, part: Path, told: Told) -> None:
    """Append what is missing of a file."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # nothing is missing
            return
        raise
    with answer, part.open("ab" if answer.status == 206 else "wb") as file:
        done = start if answer.status == 206 else 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(CHUNK):
            done += len(chunk)
            if done > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES} bytes")
            file.write(chunk)
            told(done, total)
    if total > done:
        raise ValueError(f"it ended after {done} of {total} bytes; run it again to go on")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
