"""What the sdist and the wheel hold."""

from __future__ import annotations

import os
import re
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


def test_what_users_are_told_to_install_exists(our_wheel: Path) -> None:
    with zipfile.ZipFile(our_wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        described = archive.read(name).decode()
        source = "".join(archive.read(n).decode() for n in archive.namelist() if n.endswith(".py"))
    told = set(re.findall(r"tflite2torch\[(\w+)\]", source))
    assert told == {"torch", "parity", "pipeline"}
    assert told <= set(re.findall(r"^Provides-Extra: (\w+)$", described, re.MULTILINE))


WHOSE = """
from pathlib import Path
import tflite2torch

def test_whose_package_it_is():
    assert Path(tflite2torch.__file__).is_relative_to({folder!r})
"""


def test_the_tests_of_the_sdist_run_in_it(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [folder] = tmp_path.iterdir()
    (folder / "tests" / "test_whose.py").write_text(WHOSE.format(folder=str(folder)))
    some = ["tests/test_whose.py", "tests/tflite2torch/test_cli.py", "tests/docs/test_paths.py"]
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *some],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHONPATH"))},
        capture_output=True,
        encoding="utf-8",
    )
    assert process.returncode == 0, process.stdout + process.stderr


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
