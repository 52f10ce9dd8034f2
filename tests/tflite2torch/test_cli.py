"""The command line as a whole: what it promises whatever the verb."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.command import ROOT, run
from tflite2torch.cli import VERBS, main
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


SOURCELESS = {"landmarks", "list", "reference", "release"}
"""Verbs whose first argument is no SOURCE."""


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - SOURCELESS))
@pytest.mark.parametrize("source", ["", "https://example.org/face.tflite"])
def test_a_source_that_is_no_path(
    good: Path, verb: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    result = CliRunner().invoke(main, [verb, source])
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    said = "is a URL; download it first" if source else "is empty, as an unset variable is"
    assert said in line


@pytest.mark.parametrize("arguments", [["convert", "-o", ""], ["parity", "--save-repro", ""]])
def test_an_empty_folder_to_write_to(
    good: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    result = CliRunner().invoke(main, [*arguments, "good.tflite"])
    assert result.exit_code == 2
    assert "the folder to write to is empty" in result.stderr
    assert [path.name for path in good.parent.iterdir()] == ["good.tflite"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["convert"], "Missing argument 'SOURCE...'"),
        (["inspect", "x.tflite", "--bogus"], "--bogus"),
        (["parity", "x.tflite", "--batch=0"], "--batch"),
        (["compare", "x.tflite"], "compare takes two sources, not 1"),
        (["fly"], "No such command 'fly'"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_as_json(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("UsageError", 2)
    assert said in error["message"]
    assert error["message"] in result.stderr


def test_usage_names_the_program_as_it_was_called(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tflite2torch", "convert"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert process.returncode == 2
    assert process.stderr.startswith("Usage: python -m tflite2torch convert [OPTIONS] SOURCE...")


@pytest.mark.parametrize("verb", VERBS)
def test_help_in_a_narrow_terminal(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    result = CliRunner().invoke(main, [verb, "--help"], terminal_width=60)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 60


def completions(*words: str) -> list[str]:
    """Return what bash is offered for the last of some words, with its kind."""
    variables = {
        "_TFLITE2TORCH_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    return CliRunner().invoke(main, prog_name="tflite2torch", env=variables).stdout.split()


def test_completion_in_bash() -> None:
    assert completions("tflite2torch", "co") == ["plain,compare", "plain,convert"]
    assert completions("tflite2torch", "convert", "--fo") == ["plain,--format", "plain,--force"]
    assert completions("tflite2torch", "convert", "--format", "p") == ["plain,pth"]
    assert [x.partition(",")[0] for x in completions("tflite2torch", "inspect", "face")] == ["file"]


def test_the_line_in_the_readme_sets_up_bash(tmp_path: Path) -> None:
    [line] = [x for x in (ROOT / "README.md").read_text("utf-8").splitlines() if "COMPLETE" in x]
    (tmp_path / "tflite2torch").write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tflite2torch.cli import main\nmain()\n"
    )
    (tmp_path / "tflite2torch").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    shown = subprocess.run(
        ["bash", "--norc", "-c", f"{line}\ncomplete -p tflite2torch"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    assert "_tflite2torch_completion tflite2torch" in shown.stdout


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
