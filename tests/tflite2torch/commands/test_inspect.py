"""``tflite2torch inspect``, through its entry point."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support.command import run
from tests.support.official import BUNDLE, BUNDLED
from tflite2torch.cli import main
from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.frontends.file import ModelFile


def test_the_bundle_s_models(models: Callable[[str], Path], tmp_path: Path) -> None:
    process = run("inspect", str(models(BUNDLE)), "--json", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    facts = {model["name"]: model for model in json.loads(process.stdout)["models"]}
    assert list(facts) == list(BUNDLED)
    assert not any(model["unsupported"] for model in facts.values())
    detector = facts["face_detector"]
    assert detector["source"] == f"{BUNDLE}/face_detector.tflite"
    assert detector["inputs"][0]["shape"] == [1, 128, 128, 3]
    assert [output["shape"] for output in detector["outputs"]] == [
        [1, 896, 16],
        [1, 896, 1],
    ]
    assert detector["operators"]["CONV_2D"] == 21
    assert detector["metadata"]["inputs"][0]["value_range"] == [-1.0, 1.0]
    blendshapes = facts["face_blendshapes"]
    assert blendshapes["outputs"][0]["shape"] == [52]
    assert blendshapes["operators"]["TRANSPOSE"] == 10
    for model in facts.values():
        assert len(model["steps"]) == sum(model["operators"].values())
        places = [step["index"] for step in model["steps"]]
        assert places == list(range(len(places)))


def test_what_it_prints_of_them(models: Callable[[str], Path], tmp_path: Path) -> None:
    process = run("inspect", str(models(BUNDLE)), cwd=tmp_path, env={"COLUMNS": "300"})
    assert process.returncode == 0
    assert process.stderr == ""
    lines = [line.strip() for line in process.stdout.splitlines()]
    for name in BUNDLED:
        assert f"{BUNDLE}/{name}.tflite" in lines
    assert lines.count("every operator is supported") == 3
    assert any("[1, 128, 128, 3] float32 in [-1, 1]" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert "module: image [N, 3, 128, 128]; --inputs: image [1, 128, 128, 3]" in lines
    assert "module: regressors [N, 896, 16]" in lines


def test_what_is_not_supported_is_all_listed_with_its_place(
    unsupported: Path, tmp_path: Path
) -> None:
    process = run("inspect", unsupported.name, cwd=tmp_path, env={"COLUMNS": "300"})
    assert process.returncode == 1
    assert process.stderr == ""
    listed = [line for line in process.stdout.splitlines() if "not supported" in line]
    assert len(listed) == 2
    assert "operator 0 ('Blink')" in listed[0]
    assert "operator 2 ('Wink')" in listed[1]
    assert "every operator is supported" not in process.stdout


def test_the_same_as_json(unsupported: Path, tmp_path: Path) -> None:
    process = run("inspect", unsupported.name, "--json", cwd=tmp_path)
    assert process.returncode == 1
    (model,) = json.loads(process.stdout)["models"]
    assert model["operators"] == {"Blink": 1, "RELU": 1, "Wink": 1}
    assert len(model["unsupported"]) == 2


def test_what_inputs_takes(good: Path, tmp_path: Path) -> None:
    """A file that is made as ``inspect`` says is what ``parity --inputs`` takes."""
    facts = json.loads(run("inspect", "good.tflite", "--json", cwd=tmp_path).stdout)
    [tensor] = facts["models"][0]["inputs"]
    name = tensor["module"]["identifier"]
    np.savez(tmp_path / "saved.npz", **{name: np.zeros(tensor["shape"], tensor["dtype"])})
    saved = run("parity", "good.tflite", "--inputs=saved.npz", "--json", cwd=tmp_path)
    [model] = json.loads(saved.stdout)["models"]
    assert model["samples"] == ["saved.npz 0"]
    shown = run("inspect", "good.tflite", cwd=tmp_path).stdout
    assert f"module: {name} [N, 3, 4, 5]; --inputs: {name} [1, 4, 5, 3]" in shown


def test_every_further_field_has_a_line(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(file: ModelFile) -> Conversion:
        found = convert_model(file)
        return replace(found, outputs=[{**found.outputs[0], "unit": "pixel\x1b"}])

    monkeypatch.setattr("tflite2torch.commands.inspect.convert_model", convert)
    shown = CliRunner().invoke(main, ["inspect", str(good)]).stdout
    assert [x.strip() for x in shown.splitlines() if "unit" in x] == [r"unit: pixel\x1b"]


def test_quiet_leaves_the_exit_code(good: Path, unsupported: Path, tmp_path: Path) -> None:
    for path, code in [(good, 0), (unsupported, 1)]:
        process = run("inspect", path.name, "-q", cwd=tmp_path)
        assert (process.returncode, process.stdout, process.stderr) == (code, "", "")


def test_every_step_on_request(unsupported: Path, tmp_path: Path) -> None:
    short = run("inspect", unsupported.name, cwd=tmp_path).stdout
    long = run("inspect", unsupported.name, "-v", cwd=tmp_path).stdout
    assert len(long.splitlines()) > len(short.splitlines())
    for name in ("Blink", "RELU", "Wink"):
        assert any(name in line and "[" in line for line in long.splitlines())


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_narrow_terminal(good: Path, tmp_path: Path, columns: str) -> None:
    process = run("inspect", "good.tflite", cwd=tmp_path, env={"COLUMNS": columns})
    assert process.returncode == 0
    assert max(map(len, process.stdout.splitlines())) <= int(columns)


def test_it_writes_nothing(good: Path, tmp_path: Path) -> None:
    run("inspect", "good.tflite", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["good.tflite"]
