"""Files that appear in a folder whole and together, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tflite2torch.converter.errors import OutputError

_REMEDIES = {
    errno.EACCES: "give yourself write permission",
    errno.EPERM: "give yourself write permission",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
}


def folder_path(folder: str | os.PathLike[str]) -> Path:
    """Return the path of a folder to write to.

    Raises OutputError for an empty text, which ``Path`` takes for the current folder.
    """
    text = os.fspath(folder)
    if not text:
        raise OutputError(
            "the folder to write to is empty, as an unset variable is; name one, or . for this one"
        )
    return Path(text)


class OutputFolder:
    """A folder that is being filled; obtained from ``output_folder``.

    Files are first written to a temporary folder on the same file system: inside the output
    folder if that exists, otherwise beside the outermost folder of the path that is missing.
    """

    def __init__(self, path: Path, force: bool) -> None:
        self._path = path
        self._force = force
        self._folder = Path(os.path.realpath(path))
        self._missing = _first_missing(self._folder)
        parent = self._missing.parent if self._missing else self._folder
        # Next to its destination, for only a rename within one file system is atomic. The name
        # is random, so that two processes can fill one folder at the same time.
        self._temporary = parent / f".tflite2torch-{os.urandom(4).hex()}"
        inside = self._folder.relative_to(self._missing) if self._missing else "new"
        self._waiting = self._temporary / inside
        self._names: list[str] = []
        self._removed: list[str] = []

    def write(self, name: str, content: bytes | str, replace: bool = False) -> None:
        """Add a file; a text is written as UTF-8 with its line ends as they are.

        Args:
            name: a plain file name.
            content: what it holds.
            replace: whether this file may replace one that exists, whatever ``force`` is.

        Raises:
            OutputError: the file exists and must not be replaced, or cannot be written.
            ValueError: ``name`` is not a plain file name, or was written before.
        """
        self._check_name(name)
        target = self._path / name
        if target.is_dir() and not target.is_symlink():
            raise OutputError(f"{target}: is a folder; remove it, or choose another -o")
        if os.path.lexists(target) and not (target.is_file() or target.is_symlink()):
            raise OutputError(f"{target}: is no regular file; remove it, or choose another -o")
        if os.path.lexists(target) and not (self._force or replace):
            raise OutputError(
                f"{target}: exists already; add --force to replace it, "
                "or choose another folder with -o"
            )
        data = content.encode() if isinstance(content, str) else content
        with _readable_errors(target):
            (self._waiting / name).write_bytes(data)
        self._names.append(name)

    def withdraw(self, name: str) -> None:
        """Take back a file that was written: what is there of that name stays."""
        self._names.remove(name)
        (self._waiting / name).unlink()

    def remove(self, name: str) -> None:
        """Remove a file, or a link, when the new files appear; leave it where there is neither.

        Raises ValueError where ``name`` is not a plain file name, or is written or removed too.
        """
        self._check_name(name)
        target = self._folder / name
        if target.is_file() or target.is_symlink():
            self._removed.append(name)

    def _check_name(self, name: str) -> None:
        plain = name not in {"", ".", ".."} and not set(name) & set("/\\\0")
        if not plain or name in (*self._names, *self._removed):
            raise ValueError(f"not a plain and new file name: {name!r}")

    def _create(self) -> None:
        with _readable_errors(self._path):
            self._waiting.mkdir(parents=True)

    def _commit(self) -> None:
        if not self._names:
            return
        with _readable_errors(self._path):
            if self._missing is None:
                self._replace_files()
            else:
                # One rename makes all missing folders and files appear at once.
                self._temporary.rename(self._missing)

    def _replace_files(self) -> None:
        """Move every file to or from its place; if one move fails, restore what was there."""
        # Several renames are not atomic together, hence the backups. They are copies, so that
        # each name always has a file, and all are made before the first move, while a full
        # disk does no harm yet; restoring them takes renames, which need no space.
        backups = self._temporary / "old"
        backups.mkdir()
        with ExitStack() as undo:
            for name in self._names:
                target, backup = self._folder / name, backups / name
                if os.path.lexists(target):
                    shutil.copy2(target, backup, follow_symlinks=False)
                    undo.callback(backup.replace, target)
                else:
                    undo.callback(target.unlink, missing_ok=True)
            for name in self._names:
                (self._waiting / name).replace(self._folder / name)
            for name in self._removed:
                undo.callback(_restore, backups / name, self._folder / name)
                (self._folder / name).rename(backups / name)
            undo.pop_all()

    def _discard(self) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)


@contextmanager
def output_folder(path: str | Path, force: bool = False) -> Iterator[OutputFolder]:
    """Fill a folder with files that appear when the block ends without an exception.

    After an exception (Ctrl-C among them) everything is as it was before; a folder that
    was missing is missing again.

    Args:
        path: the folder; it and its parents are created where they are missing.
        force: replace files that exist; otherwise they are an error.

    Raises:
        OutputError: it is a file, cannot be written, or holds a file of that name.
    """
    with _readable_errors(Path(path)):
        folder = OutputFolder(Path(path), force)
    try:
        folder._create()
        yield folder
        folder._commit()
    finally:
        folder._discard()


def _restore(backup: Path, target: Path) -> None:
    """Move a file back, where it has been moved away already."""
    if os.path.lexists(backup):
        backup.replace(target)


def _first_missing(path: Path) -> Path | None:
    """Return the outermost folder of the path that does not exist yet; None if all do.

    Raises:
        NotADirectoryError: something on the path is a file.
    """
    missing = None
    for folder in (path, *path.parents):
        if folder.is_dir():
            return missing
        if os.path.lexists(folder):
            raise NotADirectoryError(errno.ENOTDIR, "is not a folder", str(folder))
        missing = folder
    return missing


@contextmanager
def _readable_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError that says what happened and what to do."""
    try:
        yield
    except OSError as error:
        place = error.filename if error.errno == errno.ENOTDIR else path
        cause = error.strerror or str(error)
        remedy = _REMEDIES.get(error.errno or 0)
        choice = "choose another folder with -o"
        remedies = f"{remedy}, or {choice}" if remedy else choice
        raise OutputError(f"{place}: cannot write: {cause}; {remedies}") from error
