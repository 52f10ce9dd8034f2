"""Whatever goes wrong, a folder is as it was; and what goes well appears whole."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.output import output_folder

NOBODY = 65534


def contents(folder: Path) -> dict[str, bytes]:
    """Return every path below a folder, hidden ones too, and what the files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"/"
        for path in folder.rglob("*")
    }


def fill(out: Path, files: Mapping[str, bytes], force: bool = False) -> None:
    with output_folder(out, force) as folder:
        for name, content in files.items():
            folder.write(name, content)


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that this process may enter and not write to, even when run by root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kept").write_bytes(b"kept")
        folder.chmod(0o555)
        effective = os.geteuid()
        if effective == 0:
            os.seteuid(NOBODY)
        yield folder
        os.seteuid(effective)
        folder.chmod(0o755)


@pytest.mark.parametrize("inside", ["out", "a/b/c", "a/../b"])
def test_a_missing_folder_appears_at_the_end(tmp_path: Path, inside: str) -> None:
    out = tmp_path / inside
    with output_folder(out) as folder:
        folder.write("text.py", "é\r\n")
        folder.write("data", b"\0\xff")
        assert not (tmp_path / "out" / "text.py").exists()
        assert not (tmp_path / "b").exists()
    assert contents(Path(os.path.realpath(out))) == {
        "text.py": "é\r\n".encode(),
        "data": b"\0\xff",
    }
    assert not list(tmp_path.glob(".*"))


def test_an_existing_folder_gains_the_files_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    with output_folder(tmp_path) as folder:
        folder.write("a", b"a")
        assert not (tmp_path / "a").exists()
    assert contents(tmp_path) == {"other": b"other", "a": b"a"}


def test_the_current_folder_and_a_link_to_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    fill(Path("."), {"here": b""})
    fill(Path("link"), {"there": b""})
    assert (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["here", "link", "real"]
    assert os.listdir(tmp_path / "real") == ["there"]


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        fill(tmp_path / "out", {"a": b""})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "out" / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("inside", ["", "out", "a/b"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_leaves_nothing(
    tmp_path: Path, inside: str, error: type[BaseException]
) -> None:
    def fail() -> None:
        with output_folder(tmp_path / inside) as folder:
            folder.write("a", b"a")
            raise error

    with pytest.raises(error):
        fail()
    assert contents(tmp_path) == {}


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    program = (
        # A job in the background of a shell ignores the signal, and so would its children.
        "import signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tflite2torch.converter.output import output_folder\n"
        "with output_folder(sys.argv[1]) as folder:\n"
        "    folder.write('a', bytes(1000)); print('ready', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a" / "b")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(contents(tmp_path)) == 3
        process.send_signal(signal.SIGINT)
        process.wait(10)
    assert contents(tmp_path) == {}


def test_existing_files_are_replaced_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"/b: exists already; add --force"):
        fill(tmp_path, {"a": b"new", "b": b"new"})
    assert contents(tmp_path) == {"b": b"old"}
    with output_folder(tmp_path, force=True) as folder:
        folder.write("b", b"new")
        assert (tmp_path / "b").read_bytes() == b"old"
    assert contents(tmp_path) == {"b": b"new"}


def test_force_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to("../precious")
    (tmp_path / "out" / "dangling").symlink_to("nowhere")
    with pytest.raises(OutputError, match="dangling: exists already"):
        fill(tmp_path / "out", {"dangling": b"new"})
    fill(tmp_path / "out", {"a": b"new", "dangling": b"new"}, force=True)
    assert contents(tmp_path / "out") == {"a": b"new", "dangling": b"new"}
    assert not (tmp_path / "out" / "a").is_symlink()
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "out" / "nowhere").exists()


def test_a_failure_half_way_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: name.encode() for name in ("first", "third")}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    replace = Path.replace

    def fail_on_third(self: Path, target: Path) -> Path:
        if self.name == "third" and self.read_bytes() == b"new":
            raise OSError(errno.EIO, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_on_third)
    files = dict.fromkeys(["first", "second", "third", "fourth"], b"new")
    with pytest.raises(OutputError, match="Input/output error"):
        fill(tmp_path, files, force=True)
    assert contents(tmp_path) == before


def test_what_is_removed_goes_with_what_comes(tmp_path: Path) -> None:
    for name in ("a", "old", "kept"):
        (tmp_path / name).write_bytes(b"old")
    (tmp_path / "link").symlink_to("kept")
    with output_folder(tmp_path, force=True) as folder:
        for name in ("old", "link", "missing"):
            folder.remove(name)
        folder.write("a", b"new")
        assert (tmp_path / "old").exists()
    assert contents(tmp_path) == {"a": b"new", "kept": b"old"}


def test_a_failure_to_remove_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: name.encode() for name in ("a", "first", "second")}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    rename = Path.rename

    def fail_on_second(self: Path, target: Path) -> Path:
        if self.name == "second":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    def replace_a() -> None:
        with output_folder(tmp_path, force=True) as folder:
            folder.write("a", b"new")
            folder.write("b", b"new")
            folder.remove("first")
            folder.remove("second")

    monkeypatch.setattr(Path, "rename", fail_on_second)
    with pytest.raises(OutputError, match="Input/output error"):
        replace_a()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["", "..", "../kept", "a/b", "a"])
def test_only_plain_names_are_removed(tmp_path: Path, name: str) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "out").mkdir()

    def remove() -> None:
        with output_folder(tmp_path / "out") as folder:
            folder.write("a", b"")
            folder.remove(name)

    with pytest.raises(ValueError, match="plain"):
        remove()
    assert contents(tmp_path) == {"kept": b"kept", "out": b"/"}


def test_a_full_disk_leaves_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    message = r"/a: cannot write: No space left on device; free some"
    with pytest.raises(OutputError, match=message):
        fill(tmp_path / "out", {"a": b"aaaa"})
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("inside", ["", "sub", "sub/sub"])
def test_a_folder_without_permission_is_a_readable_error(locked_folder: Path, inside: str) -> None:
    out = locked_folder / inside
    message = f"^{out}: cannot write: Permission denied; .* with -o$"
    with pytest.raises(OutputError, match=message):
        fill(out, {"a": b""})
    assert contents(locked_folder) == {"kept": b"kept"}


@pytest.mark.parametrize("inside", ["", "sub", "sub/sub"])
def test_a_file_in_the_way_is_named(tmp_path: Path, inside: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"file")
    message = rf"^{file}: cannot write: is not a folder; choose another"
    with pytest.raises(OutputError, match=message):
        fill(file / inside, {"a": b""})
    assert contents(tmp_path) == {"file": b"file"}


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match=r"/a: is a folder"):
        fill(tmp_path, {"a": b""}, force=True)
    assert contents(tmp_path) == {"a": b"/"}


def test_what_is_no_file_is_not_replaced_by_force(tmp_path: Path) -> None:
    """A pipe here; a device would be copied without end."""
    pipe = tmp_path / "a"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match=r"/a: is no regular file"):
        fill(tmp_path, {"a": b"new"}, force=True)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\\b", "a\0"])
def test_only_plain_names_are_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        fill(tmp_path, {name: b""})
    assert contents(tmp_path) == {}


def test_a_name_is_written_once(tmp_path: Path) -> None:
    def write_twice() -> None:
        with output_folder(tmp_path) as folder:
            folder.write("a", b"first")
            folder.write("a", b"second")

    with pytest.raises(ValueError, match="new file name: 'a'"):
        write_twice()
    assert contents(tmp_path) == {}
