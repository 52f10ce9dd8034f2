"""The action and the workflows are valid, and the action's shell runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.networks import Network
from tflite2torch.parity.reference.process import ROOT

ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_schema(path: Path) -> None:
    kind = "vendor.github-actions" if path == ACTION else "vendor.github-workflows"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", kind, str(path)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_shell_is_well_formed_and_takes_inputs_by_the_environment(path: Path) -> None:
    steps = _steps(yaml.safe_load(path.read_text()))
    scripts = [step["run"] for step in steps if "run" in step]
    assert scripts
    for script in scripts:
        process = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        assert "${{" not in script  # what is pasted into a script may be a script itself


def _steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    if "runs" in document:
        found: list[dict[str, Any]] = document["runs"]["steps"]
        return found
    return [step for job in document["jobs"].values() for step in job["steps"]]


def test_the_action_checks(tmp_path: Path) -> None:
    b = Network()
    model = tmp_path / "model.tflite"
    model.write_bytes(b.build([b.function("TANH", b.input((1, 5)))]))
    bin_folder = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SOURCES": "model.tflite",
        "LOCK": "models.lock",
        "UPDATE": "false",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    lock = ["tflite2torch", "release", "lock", "model.tflite", "--lock", "models.lock"]
    subprocess.run(lock, check=True, cwd=tmp_path, env=environment, capture_output=True)
    script = _steps(yaml.safe_load(ACTION.read_text()))[-1]["run"]
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]

    def run() -> int:
        return subprocess.run(command, cwd=tmp_path, env=environment).returncode

    assert run() == 0
    assert "1 unchanged" in (tmp_path / "summary.md").read_text()
    b = Network()
    model.write_bytes(b.build([b.function("RELU", b.input((1, 5)))]))
    assert run() == 1
    environment["UPDATE"] = "true"
    assert run() == 0
    environment["UPDATE"] = "false"
    assert run() == 0
