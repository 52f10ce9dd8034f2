"""Where reports go is checked before anything is compared."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tflite2torch.cli import main
from tflite2torch.converter.errors import OutputError
from tflite2torch.outputs import check_targets, write_file

OPTIONS = ["--html", "--junit", "--model-explorer"]


@pytest.fixture(autouse=True)
def compares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("it was to be refused before")

    monkeypatch.setattr("tflite2torch.comparison.compare_conversion", fail)


def refused(result: Result, option: str, choose: str = "; choose") -> str:
    """Return the one line that is said; it has to name the option."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(f"{choose} another path with {option}")
    assert "-o" not in line.split()
    return line


def parity(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["parity", str(path), *options])


@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_no_regular_file_stays(good: Path, tmp_path: Path, option: str) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        line = refused(parity(good, f"{option}={path}"), option)
        assert f"{path}: cannot be written: it is no regular file" in line
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("path", ["", ".", "folder", "good.tflite", "saved/x"])
def test_what_is_no_file_or_in_use(
    good: Path, option: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    Path("folder").mkdir()
    Path("saved").write_bytes(b"")
    kept = good.read_bytes()
    refused(parity(Path("good.tflite"), f"{option}={path}"), option)
    assert good.read_bytes() == kept


@pytest.mark.parametrize("option", OPTIONS)
def test_what_exists_is_replaced_only_by_force(good: Path, option: str) -> None:
    report = good.with_name("report")
    report.write_text("kept")
    line = refused(parity(good, f"{option}={report}"), option, "or choose")
    assert f"{report}: exists already; add --force to replace it" in line
    assert report.read_text() == "kept"
    check_targets({option: report}, {}, force=True)
    result = CliRunner().invoke(main, ["compare", str(good), str(good), f"--html={report}"])
    refused(result, "--html", "or choose")


def test_a_reproduction_that_exists_is_replaced_only_by_force(good: Path, tmp_path: Path) -> None:
    (tmp_path / "saved" / "good").mkdir(parents=True)
    line = refused(parity(good, f"--save-repro={tmp_path / 'saved'}"), "--save-repro", "or choose")
    assert f"{tmp_path / 'saved' / 'good'}: exists already; add --force" in line


def test_one_path_for_two_reports(good: Path, tmp_path: Path) -> None:
    (tmp_path / "there").symlink_to(tmp_path)
    options = [f"--html={tmp_path / 'a'}", f"--junit={tmp_path / 'there' / 'a'}"]
    assert "that of --html too" in refused(parity(good, *options), "--junit")
    options = [f"--html={tmp_path / 'a'}", f"--save-repro={tmp_path / 'a'}"]
    assert "that of --html too" in refused(parity(good, *options), "--save-repro")
    result = CliRunner().invoke(main, ["compare", str(good), str(good), f"--html={good}"])
    refused(result, "--html")


def test_a_folder_that_is_a_file(good: Path) -> None:
    refused(
        parity(good, f"--save-repro={good.parent / 'good.tflite' / 'x'}"),
        "--save-repro",
    )
    file = good.with_name("file")
    file.write_text("kept")
    refused(parity(good, f"--save-repro={file}"), "--save-repro")
    assert file.read_text() == "kept"


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so that the system's answer is made up."""

    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryDirectory", fail)
    with pytest.raises(OutputError, match=r"Permission denied; choose .* with --html"):
        check_targets({"--html": tmp_path / "new" / "page.html"}, {})


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    files = {"--html": tmp_path / "new" / "page.html", "--junit": None}
    check_targets(files, {"--save-repro": tmp_path / "other"})
    assert list(tmp_path.iterdir()) == []


def test_what_fails_later_names_the_option_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OutputError, match=r"No space left .* path with --html$"):
        write_file("--html", tmp_path / "new" / "page.html", "text")
    assert list(tmp_path.iterdir()) == []
