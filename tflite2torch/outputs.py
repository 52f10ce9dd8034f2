"""Files that options name for reports: checked before any work, written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.output import output_folder


def check_targets(
    files: Mapping[str, Path | None],
    folders: Mapping[str, Path | None],
    sources: Iterable[Path] = (),
    force: bool = False,
) -> None:
    """Raise OutputError where what options name cannot be written, or must not be.

    With ``force`` a file may replace a regular file. Whatever else is there stays: a device, a
    pipe, a link, a folder, and what the same call reads or writes elsewhere.

    Args:
        files: the file that each option names; None where it was not given.
        folders: the same of folders.
        sources: what the call reads.
        force: whether files that exist may be replaced.
    """
    taken = {_real(path): str(path) for path in sources}
    for option, path in files.items():
        if path is not None:
            _check_file(option, path)
            _claim(option, path, taken)
            _check_folder(option, path.parent)
            if not force:
                check_new(option, path)
    for option, path in folders.items():
        if path is not None:
            _claim(option, path, taken)
            _check_folder(option, path)


def check_new(option: str, path: Path) -> None:
    """Raise OutputError where there is something already at a path that an option names."""
    if os.path.lexists(path):
        raise OutputError(
            f"{path}: exists already; add --force to replace it, "
            f"or choose another path with {option}"
        )


def write_file(option: str, path: Path, content: bytes | str) -> None:
    """Write a file that an option names, which ``check_targets`` has let pass.

    Raises OutputError where it cannot be written.
    """
    write_files(option, path.parent, {path.name: content})


def write_files(option: str, folder: Path, contents: Mapping[str, bytes | str]) -> None:
    """Write files to a folder that an option names, all or none, by their names.

    Raises OutputError where they cannot be written.
    """
    try:
        with output_folder(folder, force=True) as files:
            for name, content in contents.items():
                files.write(name, content)
    except OutputError as error:
        raise _refusal(option, folder, _cause(error)) from error


def _check_file(option: str, path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refusal(option, path, _cause(error)) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise _refusal(option, path, f"it is {kind}")


def _claim(option: str, path: Path, taken: dict[str, str]) -> None:
    """Note that an option has a path; refuse one that another one has."""
    real = _real(path)
    if real in taken:
        raise _refusal(option, path, f"it is that of {taken[real]} too")
    taken[real] = option


def _check_folder(option: str, path: Path) -> None:
    """Try to write into a folder, or into that which it is to be created in."""
    folder = Path(os.path.realpath(path))
    while not os.path.lexists(folder):
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".tflite2torch-", dir=folder):
            pass
    except OSError as error:
        raise _refusal(option, path, _cause(error)) from error


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _cause(error: Exception) -> str:
    """Return the system's error message."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return str(getattr(cause, "strerror", None) or error)


def _refusal(option: str, path: Path, reason: str) -> OutputError:
    return OutputError(f"{path}: cannot be written: {reason}; choose another path with {option}")
