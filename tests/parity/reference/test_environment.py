"""The environment of MediaPipe's runtime is made whole, or not at all. Nothing is downloaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tflite2torch.cli import main
from tflite2torch.parity.reference.environment import (
    PYTHON,
    REQUIREMENTS,
    environment_folder,
    reference_python,
)

INTERPRETER = """#!/bin/sh
# Notes how it is called; copies itself for `-m venv FOLDER`.
echo "$@" >> "{log}"
case "$*" in
*"-c import"*) {suits} ;;
*"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*"-m pip"*) {pip} ;;
esac
"""


class Pythons:
    """A PATH with nothing but Pythons of one's own, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    def install(self, name: str, suits: str = "true", pip: str = "true") -> None:
        path = self.folder / "commands" / name
        path.write_text(INTERPRETER.format(log=self.log, suits=suits, pip=pip))
        path.chmod(0o755)

    def made(self) -> set[str]:
        cache = self.folder / "cache" / "tflite2torch"
        return {path.name for path in cache.iterdir()} if cache.exists() else set()


@pytest.fixture
def pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pythons:
    commands = tmp_path / "commands"
    commands.mkdir()
    monkeypatch.setenv("PATH", f"{commands}:/usr/sbin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.setattr(sys, "executable", "")
    monkeypatch.setattr(
        "tflite2torch.parity.reference.environment.CANDIDATES", ("one", "two", "three")
    )
    return Pythons(tmp_path)


def reference(*options: str) -> Result:
    return CliRunner().invoke(main, ["reference", *options])


def refused(result: Result, code: int) -> str:
    """Return the one line of the error, after that on what it does."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    line: str = result.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    return line


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    inside = Path("tflite2torch", "mediapipe-0.10.21")
    for cache in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
        assert environment_folder() == tmp_path / ".cache" / inside
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert reference_python() == tmp_path / "x" / inside / "bin" / "python"
    assert environment_folder().name in REQUIREMENTS.read_text().replace("==", "-")
    monkeypatch.setenv(PYTHON, "/mine")
    assert reference_python() == Path("/mine")


def test_it_is_made_once_with_the_first_python_that_suits(pythons: Pythons) -> None:
    pythons.install("one", suits="false")
    pythons.install("two")
    pythons.install("three", suits="false")
    result = reference()
    assert result.exit_code == 0, result.output
    assert f"is installed: {reference_python()}" in result.stdout
    assert pythons.made() == {"mediapipe-0.10.21"}
    *_, venv, pip = calls = pythons.log.read_text().splitlines()
    assert venv.startswith("-m venv ")
    assert pip.endswith(f"--requirement {REQUIREMENTS}")
    result = reference("--json")
    assert (result.exit_code, '"made": false' in result.stdout) == (0, True)
    assert pythons.log.read_text().splitlines() == calls
    assert reference("--force").exit_code == 0
    assert len(pythons.log.read_text().splitlines()) == 2 * len(calls)
    assert pythons.made() == {"mediapipe-0.10.21"}


def test_no_python_that_suits(pythons: Pythons) -> None:
    pythons.install("one", suits="false")
    line = refused(reference("-q"), 2)
    assert "no Python 3.10, 3.11 or 3.12" in line
    assert "install one, so that one, two is a command" in line


def test_packages_that_cannot_be_installed(pythons: Pythons) -> None:
    pythons.install("one", pip="echo first >&2; echo 'ERROR: no network' >&2; false")
    line = refused(reference(), 3)
    assert "could not be installed: no network; check the network" in line
    assert pythons.made() == set()


def test_what_was_there_stays_where_it_fails(pythons: Pythons) -> None:
    pythons.install("one")
    assert reference("-q").exit_code == 0
    (environment_folder() / "old").touch()
    pythons.install("one", pip="false")
    refused(reference("--force"), 3)
    assert (environment_folder() / "old").exists()
    assert pythons.made() == {"mediapipe-0.10.21"}


def test_a_cache_that_cannot_be_written(pythons: Pythons) -> None:
    pythons.install("one")
    (pythons.folder / "cache").write_text("in the way")
    line = refused(reference("-q"), 2)
    assert "cannot be written: " in line
    assert "set XDG_CACHE_HOME" in line


def test_another_environment_is_left_alone(
    pythons: Pythons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PYTHON, "/no/such/python")
    assert f"{PYTHON}=/no/such/python: there is no such Python" in refused(reference("-q"), 2)
    pythons.install("mine")
    monkeypatch.setenv(PYTHON, str(pythons.folder / "commands" / "mine"))
    assert "was there" in reference("--force").stdout
    assert not pythons.log.exists()
