"""``tflite2torch convert``, through its entry point."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from tests.support.command import run
from tests.support.official import BUNDLE, BUNDLED

WRITTEN = {"good.py", "good.safetensors", "manifest.json"}


def convert(cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run("convert", "--no-verify", *arguments, cwd=cwd, env=env)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def the_error(process: subprocess.CompletedProcess[str]) -> str:
    """Return the only line of an error, which came without output and traceback."""
    assert process.stdout == ""
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def test_it_writes_three_files_and_a_table(good: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "good.tflite", "-o", "out")
    assert process.returncode == 0, process.stderr
    assert names(tmp_path / "out") == WRITTEN
    assert process.stderr == ""
    assert re.search(r"good\W+1\W+56\W+\d+", process.stdout)
    assert "Not compared with TFLite: --no-verify" in process.stdout


def test_piped_output_has_no_control_characters(good: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "good.tflite", "-o", "out")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x9b]", process.stdout)


def test_the_folder_that_it_is_called_in_is_the_default(good: Path, tmp_path: Path) -> None:
    assert convert(tmp_path, "good.tflite").returncode == 0
    assert names(tmp_path) == WRITTEN | {"good.tflite"}


def test_a_narrow_terminal(good: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "good.tflite", "-o", "out", COLUMNS="40")
    assert process.returncode == 0
    assert max(map(len, process.stdout.splitlines())) <= 40


def test_quiet(good: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "good.tflite", "-o", "out", "-q")
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert names(tmp_path / "out") == WRITTEN


def test_json_tells_the_same_facts(good: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "good.tflite", "-o", "out", "--json")
    assert process.stderr == ""
    facts = json.loads(process.stdout)
    assert facts["not_verified"] == "--no-verify"
    (model,) = facts["models"]
    entry = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    written = entry["models"]["good"]
    for key in ("class", "source", "sha256", "parameters", "inputs", "outputs"):
        assert model[key] == written[key]
    assert model["name"] == "good"
    assert model["operators"] == 1
    assert model["parity"] is None
    source = (tmp_path / model["module"]).read_text("utf-8")
    assert model["lines"] == len(source.splitlines())
    assert (tmp_path / model["weights"]).is_file()


def test_pth_and_float16(good: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "good.tflite", "--format", "pth", "--dtype", "float16")
    assert process.returncode == 0
    assert (tmp_path / "good.pth").is_file()
    assert not (tmp_path / "good.safetensors").exists()


def test_paths_with_spaces(good_model: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "a model.tflite").write_bytes(good_model)
    process = convert(tmp_path, "my models", "-o", "my output")
    assert process.returncode == 0, process.stderr
    assert names(tmp_path / "my output") == {
        "a_model.py",
        "a_model.safetensors",
        "manifest.json",
    }


HOSTILE_NAMES = ['x"""\nimport os.tflite', "$(touch pwned).tflite", "[red]x[\\].tflite"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_file_s_name_becomes_neither_code_nor_markup(
    good_model: bytes, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(good_model)
    process = convert(tmp_path, name, "-o", "out")
    assert process.returncode == 0, process.stderr
    (module,) = (tmp_path / "out").glob("*.py")
    assert re.fullmatch(r"[a-z][a-z0-9_]*", module.stem)
    assert "import os" not in module.read_text("utf-8").splitlines()
    assert names(tmp_path) == {name, "out"}


def test_several_sources_and_none_twice(good: Path, good_model: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.task", "w") as archive:
        archive.writestr("good.tflite", good_model)
        archive.writestr("other.tflite", good_model + b"\0")
    process = convert(tmp_path, "good.tflite", "two.task", "--json", "-o", "out")
    assert process.returncode == 0, process.stderr
    sources = [model["source"] for model in json.loads(process.stdout)["models"]]
    assert sources == ["good.tflite", "two.task/other.tflite"]


BAD = {
    "missing.tflite": (None, "No such file"),
    "empty.tflite": (b"", "empty"),
    "photo.png": (b"\x89PNG\r\n\x1a\n" + bytes(64), "PNG"),
    "photo.tflite": (b"\x89PNG\r\n\x1a\n" + bytes(64), "PNG"),
    "notes.tflite": (b"some text, no model" * 9, "not a TFLite model"),
    "cut.task": (b"PK\x03\x04" + bytes(64), "cut.task"),
}
REMEDIES = r"fetch it again|give a |name the one|check the path|choose another|add --force"


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("verb", ["convert", "inspect"])
def test_a_bad_source_is_one_line_with_file_cause_and_remedy(
    tmp_path: Path, verb: str, name: str
) -> None:
    content, cause = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = names(tmp_path)
    process = run(verb, name, cwd=tmp_path)
    assert process.returncode == 2
    line = the_error(process)
    assert line.startswith(f"{name}: ")
    assert cause in line
    assert re.search(REMEDIES, line)
    assert names(tmp_path) == before


@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.9])
def test_a_truncated_model(good_model: bytes, tmp_path: Path, part: float) -> None:
    (tmp_path / "cut.tflite").write_bytes(good_model[: int(len(good_model) * part)])
    process = convert(tmp_path, "cut.tflite", "-o", "out")
    assert process.returncode == 2
    line = the_error(process)
    assert line.startswith("cut.tflite: ")
    assert re.search(REMEDIES, line)
    assert names(tmp_path) == {"cut.tflite"}


def test_a_bundle_and_a_folder_without_a_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "none.task", "w") as archive:
        archive.writestr("readme.txt", "no model here")
    (tmp_path / "folder").mkdir()
    for source in ("none.task", "folder"):
        process = convert(tmp_path, source, "-o", "out")
        assert process.returncode == 2
        line = the_error(process)
        assert line.startswith(f"{source}: no ")
        assert re.search(REMEDIES, line)
    assert names(tmp_path) == {"none.task", "folder"}


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written(good: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("in the way")
    process = convert(tmp_path, "good.tflite", "-o", out)
    assert process.returncode == 2
    line = the_error(process)
    assert (out if out.startswith("/") else "file") in line.partition(": ")[0]
    assert "cannot write" in line
    assert re.search(REMEDIES, line)
    assert (tmp_path / "file").read_text() == "in the way"
    assert names(tmp_path) == {"file", "good.tflite"}


def test_an_output_that_exists_is_kept_unless_forced(good: Path, tmp_path: Path) -> None:
    module = tmp_path / "good.py"
    module.write_text("my own work")
    process = convert(tmp_path, "good.tflite")
    assert process.returncode == 2
    assert re.match(r"good\.py: exists already; add --force", the_error(process))
    assert module.read_text() == "my own work"
    assert names(tmp_path) == {"good.py", "good.tflite"}
    assert convert(tmp_path, "good.tflite", "--force").returncode == 0
    assert "class Good" in module.read_text()


def test_all_that_is_not_supported_is_listed_and_nothing_written(
    good: Path, unsupported: Path, tmp_path: Path
) -> None:
    process = convert(tmp_path, "good.tflite", "unsupported.tflite", "-o", "out")
    assert process.returncode == 1
    line = the_error(process)
    for index, name, tensor in [(0, "Blink", "Blink_1"), (2, "Wink", "Wink_3")]:
        place = rf"unsupported\.tflite: operator {index} \('{name}'\), tensor '{tensor}'"
        assert re.search(place, line)
    assert "RELU" not in line
    assert "convert models without these" in line
    assert names(tmp_path) == {"good.tflite", "unsupported.tflite"}


def test_one_bad_source_among_good_ones_writes_nothing(good: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "good.tflite", "missing.tflite", "-o", "out")
    assert process.returncode == 2
    assert the_error(process).startswith("missing.tflite: ")
    assert names(tmp_path) == {"good.tflite"}


def test_where_an_error_came_from_is_shown_on_request(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").touch()
    process = convert(tmp_path, "empty.tflite", "-v")
    assert process.returncode == 2
    assert "Traceback" in process.stderr
    assert process.stderr.splitlines()[-1].startswith("error: empty.tflite: ")


def test_an_error_as_json(good: Path, unsupported: Path, tmp_path: Path) -> None:
    process = convert(tmp_path, "missing.tflite", "--json")
    assert process.returncode == 2
    error = json.loads(process.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("SourceError", 2)
    assert process.stderr == f"error: {error['message']}\n"
    process = convert(tmp_path, unsupported.name, "--json", "-o", "out")
    assert process.returncode == 1
    error = json.loads(process.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("UnsupportedOpError", 1)
    assert ["Blink" in problem for problem in error["problems"]] == [True, False]
    assert convert(tmp_path, "good.tflite", "-q").returncode == 0
    process = convert(tmp_path, "good.tflite", "--json")
    assert json.loads(process.stdout)["error"]["kind"] == "OutputError"


def test_a_second_model_into_the_same_folder(good_model: bytes, tmp_path: Path) -> None:
    for padding, name in enumerate(("one", "two")):
        (tmp_path / f"{name}.tflite").write_bytes(good_model + bytes(padding))
        assert convert(tmp_path, f"{name}.tflite", "-o", "out").returncode == 0
    out = tmp_path / "out"
    models = json.loads((out / "manifest.json").read_text("utf-8"))["models"]
    assert list(models) == ["one", "two"]
    assert len(names(out)) == 5
    assert convert(tmp_path, "one.tflite", "-o", "out", "--format=pth").returncode == 2
    assert convert(tmp_path, "one.tflite", "-o", "out", "--format=pth", "--force").returncode == 0
    assert names(out) == {"one.py", "one.pth", "two.py", "two.safetensors", "manifest.json"}


def test_it_never_imports_torch(good: Path, tmp_path: Path) -> None:
    process = run(
        *["convert", "--no-verify", "-q", "good.tflite", "-o", "out"],
        cwd=tmp_path,
        python=("-X", "importtime"),
    )
    assert process.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines()}
    assert "tflite2torch.converter.convert" in imported
    assert not {"torch", "ai_edge_litert", "matplotlib"} & imported


def reject(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def test_the_bundle_is_compared_with_tflite(models: Callable[[str], Path], tmp_path: Path) -> None:
    """The main job, all the way through."""
    out = tmp_path / "out"
    process = run("convert", str(models(BUNDLE)), "-o", "out", "--json", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    facts = json.loads(process.stdout, parse_constant=reject)
    assert facts["not_verified"] == ""
    assert [model["name"] for model in facts["models"]] == list(BUNDLED)
    for model in facts["models"]:
        parity = model["parity"]
        assert parity["passed"] is True
        assert set(parity["batches"]) >= {1, 2}
        assert "face" in parity["inputs"]
        assert len(parity["outputs"]) == len(model["outputs"])
        for output in parity["outputs"]:
            assert output["error"] <= output["limit"]
        assert load_file(out / f"{model['name']}.safetensors")
    assert len(names(out)) == 7
