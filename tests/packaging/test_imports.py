"""What is imported, and when: the time that every call of the command takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.command import ROOT
from tests.support.models import Tensor, one_operator_model
from tflite2torch.cli import VERBS, main

CALL = "from tflite2torch.cli import main; main(%r, standalone_mode=False)"


def imported_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter holds when it has run some code."""
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n', *sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert process.returncode == 0, process.stderr
    return set(process.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    ["import tflite2torch.cli", CALL % ["--help"], CALL % ["--version"]],
    ids=["import", "help", "version"],
)
def test_the_command_line_imports_no_verb_before_one_is_called(code: str) -> None:
    imported = imported_by(code)
    ours = {name for name in imported if name.startswith("tflite2torch.")}
    assert not {n for n in ours if n.split(".")[1] in ("api", "parity")}
    assert not ours & {f"tflite2torch.commands.{verb}" for verb in VERBS}
    assert not imported & {"flatbuffers", "matplotlib", "numpy", "rich", "tflite"}


def test_the_package_itself_imports_nothing() -> None:
    imported = imported_by("import tflite2torch")
    assert {n for n in imported if n.startswith("tflite2torch.")} == set()
    assert not imported & {"click", "numpy", "rich", "tflite"}


def test_converting_imports_neither_the_whole_schema_nor_what_compares(
    tmp_path: Path,
) -> None:
    options = schema.AddOptionsT(fusedActivationFunction=1)
    image = Tensor((1, 4, 4, 3))
    model = tmp_path / "add.tflite"
    model.write_bytes(one_operator_model("ADD", [image, image], options=options))
    imported = imported_by(
        f"import tflite2torch; tflite2torch.convert({str(model)!r}, {str(tmp_path)!r})"
    )
    assert "F.relu" in (tmp_path / "add.py").read_text("utf-8")
    assert not {n for n in imported if n.split(".")[0] in ("tflite", "rich", "torch")}
    assert not {n for n in imported if n.startswith("tflite2torch.parity")}


@pytest.mark.parametrize("name", VERBS)
def test_the_list_says_of_a_verb_what_its_own_help_begins_with(name: str) -> None:
    _, verb, _ = main.resolve_command(click.Context(main), [name])
    assert verb is not None
    assert verb.name == name
    assert (verb.help or "").partition("\n\n")[0].replace("\n", " ") == VERBS[name]
