"""The command line as a whole: what it promises whatever the verb."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT, run
from tflite2torch.converter.version import __version__


def test_help_names_the_verbs_and_the_exit_codes(tmp_path: Path) -> None:
    process = run("--help", cwd=tmp_path)
    assert process.returncode == 0
    assert "convert" in process.stdout
    assert "inspect" in process.stdout
    said = " ".join(process.stdout.split())
    assert "3 the TFLite reference could not run" in said


def test_version(tmp_path: Path) -> None:
    assert __version__ in run("--version", cwd=tmp_path).stdout


def test_the_console_script_is_the_same_command() -> None:
    scripts = importlib.metadata.entry_points(group="console_scripts")
    found = [script for script in scripts if script.name == "tflite2torch"]
    if not found:
        pytest.skip("tflite2torch is not installed: no console script to check")
    assert found[0].value == "tflite2torch.cli:main"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["convert"], "SOURCE"),
        (["inspect"], "SOURCE"),
        (["convert", "x.tflite", "--bogus"], "--bogus"),
        (["convert", "x.tflite", "--dtype", "int8"], "int8"),
        (["convert", "x.tflite", "--format", "onnx"], "onnx"),
        (["fly", "x.tflite"], "fly"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_says_what_is_wrong(tmp_path: Path, arguments: list[str], named: str) -> None:
    process = run(*arguments, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stdout == ""
    assert named in process.stderr.splitlines()[-1]
    assert "Traceback" not in process.stderr


def imported_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter holds when it has run some code."""
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(process.stdout.split())


HEAVY = {"torch", "ai_edge_litert", "matplotlib", "PIL", "tensorflow"}


@pytest.mark.parametrize(
    "code",
    ["import tflite2torch", "import tflite2torch.cli", "import tflite2torch.parity"],
)
def test_importing_it_imports_nothing_heavy(code: str) -> None:
    assert not imported_by(code) & HEAVY


def test_importing_the_package_imports_not_even_numpy() -> None:
    assert "numpy" not in imported_by("import tflite2torch")


def test_the_converter_stands_on_its_own() -> None:
    """Imports run one way: the converter knows nothing of what is built on it."""
    imported = imported_by("import tflite2torch.converter.convert, tflite2torch.converter.files")
    own = {name.split(".")[1] for name in imported if name.startswith("tflite2torch.")}
    assert own == {"converter"}
    assert not imported & HEAVY
