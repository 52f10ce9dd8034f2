"""What the sdist and the wheel hold."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.support.command import ROOT

FOLDERS = ("benchmarks", "docs", "scripts", "tests", "tflite2torch")
"""Those of the sdist. The links at the top of the repository are not among them."""


def files_of(*folders: str) -> set[str]:
    """Return the files of folders of this checkout, as paths below it."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_brings_the_package_whole_and_nothing_else(our_wheel: Path) -> None:
    with zipfile.ZipFile(our_wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert names == files_of("tflite2torch")


def test_the_sdist_brings_the_same_package_and_its_tests(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert all(member.isfile() for member in members), "a link, or something else"
    paths = [PurePosixPath(*PurePosixPath(m.name).parts[1:]) for m in members]
    inside = {str(path) for path in paths if len(path.parts) > 1}
    assert inside == files_of(*FOLDERS)
    beside = {str(path) for path in paths} - inside
    assert beside >= {"Makefile", "README.md", "constraints.txt", "pyproject.toml"}


@pytest.mark.parametrize(
    ("tool", "suffixes"),
    [
        (["check_wheel_contents"], [".whl"]),
        (["twine", "check", "--strict"], [".whl", ".gz"]),
    ],
    ids=["check-wheel-contents", "twine"],
)
def test_the_tools_of_the_index_find_nothing(
    built: Path, tool: list[str], suffixes: list[str]
) -> None:
    files = [path for path in built.iterdir() if path.suffix in suffixes]
    process = subprocess.run(
        [sys.executable, "-m", *tool, *files], capture_output=True, encoding="utf-8"
    )
    assert process.returncode == 0, process.stdout + process.stderr
