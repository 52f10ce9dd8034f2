"""What is printed, on whatever there is to print on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tflite2torch.parity.reference.process import ROOT

VERBS = ["inspect", "parity", "convert"]
COMMAND = [sys.executable, "-m", "tflite2torch.cli"]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run([*COMMAND, *arguments], capture_output=True, env=environment)


def arguments(verb: str, path: Path) -> list[str]:
    more = ["-o", str(path.parent / "out"), "--no-verify"] if verb == "convert" else []
    return [verb, str(path), *more]


@pytest.mark.parametrize("verb", VERBS)
def test_an_encoding_of_few_characters(good: Path, verb: str) -> None:
    process = run(*arguments(verb, good), PYTHONIOENCODING="ascii")
    assert process.returncode == 0, process.stderr
    assert process.stdout.isascii()


def test_look_alikes(good: Path) -> None:
    options = ["--tolerance=conv=0", "--all"]
    process = run("parity", str(good), *options, PYTHONIOENCODING="ascii")
    assert process.returncode == 1
    assert b"\n> conv " in process.stdout
    assert b" ##########" in process.stdout


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_goes_away(good: Path, verb: str, options: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [*COMMAND, *arguments(verb, good), *options],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    os.close(writing)
    assert process.returncode == 141
    assert process.stderr == b""


def test_reports_are_written_though_nobody_reads(good: Path) -> None:
    page = good.with_name("page.html")
    reading, writing = os.pipe()
    os.close(reading)
    subprocess.run(
        [*COMMAND, "parity", str(good), f"--html={page}"],
        stdout=writing,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    os.close(writing)
    assert page.exists()
