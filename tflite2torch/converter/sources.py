"""Finds the models in files, bundles, wheels and folders."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePath
from typing import BinaryIO

from tflite2torch.converter.errors import InvalidModelError, SourceError
from tflite2torch.converter.frontends.archive import Archive, Budget, has_end
from tflite2torch.converter.frontends.file import (
    MAX_NAME,
    ModelFile,
    module_name,
    printable,
)
from tflite2torch.converter.frontends.tflite.schema import IDENTIFIER

MAX_FILE = 2**31 - 1
"""Maximum size of a model file in bytes, which is that of a FlatBuffer."""

MAX_DEPTH = 2
"""Maximum nesting depth of bundles; the official gesture bundle has one level."""

_EXTENSIONS = (".tflite", ".task", ".whl")
_LOOKS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"\x89HDF": "an HDF5 file, such as a Keras model",
    b"\x7fELF": "a program",
    b"version https://git-lfs": "a Git LFS pointer: fetch the file that it stands for",
    b"<!": "a web page: the download failed",
    b"<html": "a web page: the download failed",
}


def source_path(source: str | os.PathLike[str]) -> Path:
    """Return the path that a source names.

    Raises SourceError for an empty text, which ``Path`` takes for the current folder, and for
    a URL.
    """
    text = os.fspath(source)
    if not text.strip():
        raise SourceError(
            "a source is empty, as an unset variable is; name a file or a folder, or . for this one"
        )
    if re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        raise SourceError(f"{printable(text)}: is a URL; download it first, and name the file")
    return Path(text)


def read_sources(
    paths: Sequence[str | Path], repeated: Callable[[ModelFile, ModelFile], None] | None = None
) -> Iterator[ModelFile]:
    """Yield the models of all sources in order, without duplicates.

    A source is a .tflite file, a .task or .whl archive (read in memory, never unpacked to
    disk), or a folder, which is searched recursively for such files. The type of a file is
    detected from its content. If different models have the same name, part of the SHA-256
    is appended to the names of the later ones.

    Args:
        paths: the sources.
        repeated: called with a model that was there before, under whatever name, and with that
            one; it is not yielded again.

    Raises:
        SourceError: a path is empty or a URL, does not exist, cannot be read, or is a folder
            without models.
        InvalidModelError: a file is malformed or is not a model.
    """
    found: dict[str, ModelFile] = {}
    names: set[str] = set()
    for path in paths:
        for file in _from_path(source_path(path)):
            if file.sha256 in found:
                if repeated is not None:
                    repeated(file, found[file.sha256])
            else:
                found[file.sha256] = file
                name = _unique_name(file, names)
                names.add(name)
                yield file if name == file.name else replace(file, name=name)


def _unique_name(file: ModelFile, names: set[str]) -> str:
    name, digits = file.name, 8
    while name in names:
        name = f"{file.name[: MAX_NAME - 1 - digits]}_{file.sha256[:digits]}"
        digits += 1
    return name


def _from_path(path: Path) -> Iterator[ModelFile]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield from _from_folder(path)
        elif stat.S_ISREG(mode):
            with path.open("rb") as stream:
                size = path.stat().st_size
                yield from _from_stream(stream, printable(path.name), Budget(size))
        else:
            raise SourceError(f"{path}: neither a file nor a folder; give one of these")
    except OSError as error:
        cause = error.strerror or error
        raise SourceError(
            f"{path}: cannot be read: {cause}; check the path and its permissions"
        ) from error


def _from_folder(folder: Path) -> Iterator[ModelFile]:
    found = False
    for path in _walk(folder):
        found = True
        yield from _from_path(path)
    if not found:
        raise SourceError(
            f"{folder}: no {', '.join(_EXTENSIONS)} file in this folder; "
            "name the one that holds the models"
        )


def _walk(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, onerror=fail):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(_EXTENSIONS):
                yield Path(root, name)


def _from_stream(
    stream: BinaryIO, label: str, budget: Budget, depth: int = 0
) -> Iterator[ModelFile]:
    head = stream.read(64)
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if head[4:8] == IDENTIFIER:
        if size > MAX_FILE:
            raise InvalidModelError(f"{label}: {size} bytes are too many for a model")
        yield ModelFile(module_name(PurePath(label).stem), label, stream.read())
    elif _is_archive(head, stream, label):
        if depth > MAX_DEPTH:
            raise InvalidModelError(f"{label}: bundles in bundles in bundles; unpack them")
        yield from _from_archive(Archive(stream, label, budget), depth)
    else:
        raise InvalidModelError(f"{label}: {_describe(head)}")


def _is_archive(head: bytes, stream: BinaryIO, label: str) -> bool:
    """Return whether a file is a zip archive, or a truncated one going by its name."""
    if any(head.startswith(magic) for magic in _LOOKS):
        return False
    # Official bundles begin with two zero bytes, for alignment, so that the magic number at
    # the start is not enough: the record at the end decides.
    named = label.lower().endswith((".task", ".whl"))
    return head.startswith(b"PK") or (named and bool(head)) or has_end(stream)


def _describe(head: bytes) -> str:
    """Return a message that says what a file is, if not a model, and what to do."""
    if not head:
        return "the file is empty; fetch it again"
    looks = [what for magic, what in _LOOKS.items() if head.startswith(magic)]
    kind = looks[0] if looks else "it lacks the identifier TFL3"
    return f"not a TFLite model: {kind}; give a .tflite, .task or .whl file"


def _from_archive(archive: Archive, depth: int) -> Iterator[ModelFile]:
    found = False
    for entry in archive.entries:
        if entry.name.lower().endswith((".tflite", ".task")):
            found = True
            label = f"{archive.label}/{printable(entry.name.rpartition('/')[2])}"
            stream = BytesIO(archive.read(entry))
            yield from _from_stream(stream, label, archive.budget, depth + 1)
    if not found:
        raise InvalidModelError(
            f"{archive.label}: no .tflite or .task file in it; give a bundle of models"
        )
