"""``tflite2torch parity`` and ``compare``: what they print, write and end with."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import tflite2torch
from tests.support.networks import Network
from tests.support.page import data_of
from tflite2torch.cli import main
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.frontends.tflite.flatbuffer import Decoder
from tflite2torch.parity.inputs.samples import DRAWN, PATTERNS
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.reports.document import SCHEMA


def call(verb: str, *arguments: str | Path) -> Result:
    """Run a verb in this process, which has imported what takes seconds to."""
    return CliRunner().invoke(main, [verb, *map(str, arguments)])


def parity(path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Return exit code and JSON of a comparison."""
    result = call("parity", path, "--json", *options)
    document: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, document


def test_a_model_that_passes(good: Path) -> None:
    code, document = parity(good)
    assert code == 0
    assert document["schema"] == SCHEMA
    assert set(document["versions"]) > {
        "ai-edge-litert",
        "numpy",
        "platform",
        "python",
        "tflite2torch",
        "torch",
    }
    [model] = document["models"]
    assert (model["name"], model["source"], model["passed"]) == (
        "good",
        "good.tflite",
        True,
    )
    assert model["kernels"] == ["reference", "builtin", "xnnpack"]
    assert model["samples"] == list(PATTERNS)
    assert [given["sample"] for given in model["given"]] == model["samples"]
    assert model["given"][3] == {
        "sample": "extremes",
        "input": "input",
        "shape": [1, 4, 5, 3],
        "dtype": "float32",
        "low": 0,
        "high": 1,
    }
    assert model["reference"] == "litert"
    assert model["runtime"].startswith("LiteRT ")
    assert model["dtype"] == "float32"
    convolution, output = model["layers"]
    assert output["kind"] == "output"
    assert convolution["kind"] == "Conv2d"
    assert convolution["shape"] == [2, 4, 5]
    assert convolution["permutation"] == [0, 3, 1, 2]
    assert convolution["compared"] == 11 * 2 * 4 * 5
    assert 0 < convolution["error"] <= convolution["limit"]
    assert convolution["needed"] >= convolution["error"]
    assert convolution["cosine"] == pytest.approx(1)
    assert model["coverage"] == {
        "compared": 1,
        "folded": 0,
        "total": 1,
        "uncompared": [],
    }


@pytest.mark.parametrize("verb", ["convert", "parity", "compare"])
def test_a_file_is_read_once(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    really, tables = Decoder.root, []

    def root(self: Decoder, identifier: bytes, table: str) -> Any:
        tables.append(table)
        return really(self, identifier, table)

    monkeypatch.setattr(Decoder, "root", root)
    options = {"convert": ["-o", tmp_path / "out"], "parity": [], "compare": [good]}
    assert call(verb, good, "-q", *options[verb]).exit_code == 0
    assert tables.count("Model") == (2 if verb == "compare" else 1)


def test_the_table_names_layers_and_says_what_is_compared(good: Path) -> None:
    process = call("parity", good)
    assert process.exit_code == 0
    assert "passed: 2 values on 11 inputs; 56 of 56 weights exercised" in process.stdout
    assert "1 of 1 tensors compared" in process.stdout
    assert "constants beside the file's: 2 equal; 56 of 56 weights exercised" in process.stdout
    assert "error/limit" in process.stdout
    assert call("parity", good, "-q").stdout == ""


def test_a_tolerance_takes_the_place_of_the_derived_one(good: Path) -> None:
    _, document = parity(good)
    layer = document["models"][0]["layers"][0]
    name, needed = layer["name"], layer["needed"]
    assert parity(good, f"--tolerance={name}={needed}")[0] == 0
    code, document = parity(good, f"--tolerance={name}={needed * 0.99}")
    assert code == 1
    [model] = document["models"]
    assert model["sources"] == [name]
    assert model["layers"][0]["needed"] == needed
    assert name in model["verdict"]


def test_a_tolerance_that_was_given_is_told_everywhere(good: Path) -> None:
    _, document = parity(good)
    name = document["models"][0]["layers"][0]["name"]
    page, junit = good.with_name("page.html"), good.with_name("junit.xml")
    result = call("parity", good, f"--tolerance={name}=1e30", f"--html={page}", f"--junit={junit}")
    assert result.exit_code == 0
    told = f"{name}=1e+30"
    assert f"with tolerances that were given: {told}" in " ".join(result.stdout.split())
    assert f"tolerances given: {told}" in result.stdout
    assert f"tolerances given: {told}" in junit.read_text("utf-8")
    assert f"tolerances given: {told}" in data_of(page)["models"][0]["notes"]


def test_a_typo_in_a_tolerance_is_told_before_the_work(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("it began")

    for verb, sources in (("parity", [good]), ("compare", [good, good])):
        monkeypatch.setattr("tflite2torch.comparison.compare_conversion", work)
        result = call(verb, *sources, "--tolerance=nowhere=1")
        assert result.exit_code == 2
        assert "nowhere: no layer or tensor of this name" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tolerance", "stem"], "NAME=VALUE"),
        (["--tolerance", "stem=-1"], "NAME=VALUE"),
        (["--tolerance", "stem=nan"], "NAME=VALUE"),
        (["--tolerance", "stem=inf"], "NAME=VALUE"),
        (["--tolerance", "nowhere=1"], "nowhere: no layer or tensor of this name"),
        (["--batch", "0"], "--batch"),
        (["--time-limit", "0"], "--time-limit"),
        (["--images", "."], "no .bmp"),
        (["--inputs", "good.tflite"], "cannot be read as an .npz"),
    ],
)
def test_a_call_that_is_wrong(
    good: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    process = call("parity", good, *options)
    assert process.exit_code == 2
    assert said in process.stderr


def test_saved_inputs_and_images(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good.parent)
    arrays = np.random.default_rng(0).random((3, 4, 5, 3), np.float32)
    folder = good.parent
    np.savez(folder / "saved.npz", input=arrays)
    Image.new("RGB", (9, 7), (255, 0, 0)).save(folder / "red.png")
    code, document = parity(good, "--inputs", "saved.npz", "--images", ".", "--batch=4")
    assert code == 0
    [model] = document["models"]
    assert model["samples"] == ["red.png", "saved.npz 0", "saved.npz 1", "saved.npz 2"]
    np.savez(folder / "more.npz", input=arrays, **{"mask\x1b": arrays, "labels": arrays})
    process = call("parity", good, "--inputs", folder / "more.npz")
    assert process.exit_code == 2
    assert "more.npz: no model has an input mask\\x1b, labels; there are input" in process.stderr
    np.savez(folder / "wrong.npz", input=arrays[:, :3])
    process = call("parity", good, "--inputs", folder / "wrong.npz")
    assert process.exit_code == 2
    assert "give float32 [1, 4, 5, 3]" in process.stderr


LOADERS = """
import numpy as np
import pictures

def endless():
    while True:
        yield {"input": pictures.one(), "mask": None}

def wrong():
    yield {"input": np.zeros((1, 4, 5, 3))}

def unnamed():
    yield {"image": 0}

def empty():
    return []

def broken():
    yield 1 / 0

number = 7
"""


def test_inputs_of_a_function(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good.parent)
    Path("loaders.py").write_text(LOADERS)
    Path("pictures.py").write_text(
        "import numpy as np\ndef one():\n    return np.ones((1, 4, 5, 3), 'float32')\n"
    )
    code, document = parity(good, "--inputs=loaders.py:endless", "--iterations=3")
    assert code == 0
    [model] = document["models"]
    assert model["samples"] == ["endless 0", "endless 1", "endless 2"]
    assert [given["low"] for given in model["given"]] == [1, 1, 1]
    for name, said in {
        "wrong": "wrong 0: input is float64 [1, 4, 5, 3]; give float32 [1, 4, 5, 3]",
        "unnamed": "unnamed 0: no array named input; it has image",
        "empty": "empty: yields no sample",
        "broken": "broken: raises ZeroDivisionError: division by zero",
        "number": "loaders.py:number: it is no function",
        "missing": "loaders.py:missing: loaders.py has no missing; it has broken, empty",
    }.items():
        result = call("parity", good, f"--inputs=loaders.py:{name}")
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
    result = call("parity", good, "--inputs=nowhere.py:f")
    assert "nowhere.py cannot be imported: FileNotFoundError" in result.stderr


def test_random_inputs_are_drawn_as_often_as_asked(good: Path) -> None:
    _, document = parity(good, "--iterations=2")
    [model] = document["models"]
    again = [f"{name} 2" for name in DRAWN if name in PATTERNS]
    assert sorted(model["samples"]) == sorted([*PATTERNS, *again])
    lows = {given["sample"]: given["low"] for given in model["given"]}
    assert lows["uniform"] != lows["uniform 2"]


def test_a_reference_that_cannot_run(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise tflite2torch.ReferenceFailedError("good.tflite: TFLite was ended")

    monkeypatch.setattr("tflite2torch.comparison.compare_conversion", fail)
    junit = good.parent / "junit.xml"
    result = CliRunner().invoke(main, ["parity", str(good), "--json", f"--junit={junit}"])
    assert result.exit_code == 3
    [model] = json.loads(result.stdout)["models"]
    assert model["passed"] is None
    assert model["reason"] == "good.tflite: TFLite was ended"
    [suite] = ElementTree.fromstring(junit.read_bytes())
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")


@pytest.fixture
def verdicts(good: Path, good_model: bytes, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Four models: two pass or fail, the references of two cannot run."""
    report = tflite2torch.compare(good)
    assert isinstance(report, ParityReport)
    paths = {}
    for padding, name in enumerate(("passes", "fails", "crashes", "hangs"), start=1):
        paths[name] = good.with_name(f"{name}.tflite")
        paths[name].write_bytes(good_model + bytes(padding))

    def compare(conversion: Conversion, *_: object) -> ParityReport:
        if conversion.name in ("crashes", "hangs"):
            raise tflite2torch.ReferenceFailedError(
                f"{conversion.name}.tflite: it {conversion.name}"
            )
        failures = ("it is none",) * (conversion.name == "fails")
        return replace(report, name=conversion.name, failures=failures)

    monkeypatch.setattr("tflite2torch.comparison.compare_conversion", compare)
    return paths


def test_every_model_is_told(verdicts: dict[str, Path]) -> None:
    result = call("parity", *verdicts.values())
    assert result.exit_code == 1
    lines = [line.strip() for line in result.stdout.splitlines()]
    told = [line for line in lines if line.startswith(("passed", "failed", "not comp"))]
    unknown = "not compared: the reference could not run"
    passed = "passed: 2 values on 11 inputs; 56 of 56 weights exercised"
    assert told == [passed, "failed: it is none", unknown, unknown]
    assert result.stderr.splitlines() == [
        "error: crashes.tflite: it crashes",
        "error: hangs.tflite: it hangs",
    ]
    del verdicts["fails"]
    result = call("parity", *verdicts.values())
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 2


def test_quiet_says_what_fails(verdicts: dict[str, Path]) -> None:
    result = call("parity", *verdicts.values(), "-q")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: fails: failed: it is none",
        "error: crashes.tflite: it crashes",
        "error: hangs.tflite: it hangs",
    ]
    assert call("parity", verdicts["passes"], "-q").stderr == ""


def test_a_reproduction_shows_the_difference(good: Path, tmp_path: Path) -> None:
    _, document = parity(good)
    layer = document["models"][0]["layers"][0]
    folder = tmp_path / "repro"
    options = [f"--tolerance={layer['name']}=0", f"--save-repro={folder}"]
    assert parity(good, *options)[0] == 1
    names = {path.name for path in (folder / "good").iterdir()}
    assert names == {"layer.tflite", "inputs.npz", "outputs.npz", "show.py"}
    shown = subprocess.run(
        [sys.executable, "show.py"],
        cwd=folder / "good",
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    largest = float(shown.stdout.rpartition(" ")[2])
    assert 0 < largest <= layer["needed"]


def test_interrupting_it_says_which_reports_are_there(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    page, nodes = tmp_path / "page.html", tmp_path / "nodes.json"
    options = [f"--html={page}", f"--model-explorer={nodes}"]
    monkeypatch.setattr("tflite2torch.parity.reports.model_explorer.as_node_data", interrupt)
    result = call("parity", good, *options)
    assert result.exit_code == 130
    assert result.stderr == f"interrupted; {page} was written\n"
    assert page.exists()
    monkeypatch.setattr("tflite2torch.comparison.compare_conversion", interrupt)
    result = call("parity", good, *options, "--force")
    assert (result.exit_code, result.stderr) == (130, "interrupted; nothing was written\n")


def test_an_error_after_the_results_leaves_them_the_only_document(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise tflite2torch.OutputError("page.html: cannot be written: the disk is full")

    monkeypatch.setattr("tflite2torch.reporting.write_file", fail)
    result = call("parity", good, "--json", f"--html={tmp_path / 'page.html'}")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["models"][0]["passed"]
    assert "the disk is full" in result.stderr


def test_a_module_that_gives_no_batch(good: Path) -> None:
    class Twice(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, x])

    report = tflite2torch.compare(good, Twice(), batch=2)
    assert isinstance(report, ParityReport)
    assert "shape [4, 3, 4, 5], not [N, 2, 4, 5] for a batch of N samples" in str(report.layers)


@pytest.mark.parametrize("size", [3e14, 3e38, np.inf, np.nan])
def test_a_page_of_any_numbers(good: Path, good_model: bytes, tmp_path: Path, size: float) -> None:
    images = np.random.default_rng(0).random((2, 4, 5, 3), np.float32)
    images[0, 0, 0] = size
    images[1] *= np.float32(min(size, 1e30))
    np.savez(tmp_path / "saved.npz", input=images[: 1 + np.isfinite(size)])
    page = tmp_path / "page.html"
    options = [f"--inputs={tmp_path / 'saved.npz'}", f"--html={page}"]
    result = call("parity", good, *options)
    cut_off = np.abs(size) > 1e38  # where TFLite has its largest number
    assert result.exit_code == cut_off, result.output
    [model] = data_of(page)["models"]
    assert len(model["pictures"]) == 1


def test_junit_and_node_data(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good.parent)
    output = parity(good)[1]["models"][0]["layers"][-1]["name"]
    options = ["--junit=junit.xml", "--model-explorer=nodes.json"]
    _, document = parity(good, *options, f"--tolerance={output}=0")
    model = document["models"][0]
    [suite] = ElementTree.fromstring((good.parent / "junit.xml").read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert float(str(suite.get("time"))) == pytest.approx(model["seconds"], abs=1e-3)
    assert model["seconds"] > 0
    told = {x.get("name"): x.get("value") for x in suite.findall("properties/property")}
    assert told == {"weights": "56", "weights exercised": "56"}
    failed = {c.get("name"): c.find("failure") for c in suite if c.find("failure") is not None}
    kinds = {name: failure.get("type") for name, failure in failed.items()}
    assert kinds == {"module": "module", output: "layer"}
    assert model["verdict"] == failed["module"].get("message")
    nodes = json.loads((good.parent / "nodes.json").read_text())
    layer = model["layers"][0]
    assert list(nodes) == ["main"]
    assert nodes["main"]["results"] == {layer["tensor_name"]: {"value": layer["severity"]}}


def test_the_function_takes_a_reference(good: Path) -> None:
    with pytest.raises(ValueError, match="'onnx'; there are litert, tensorflow, med"):
        tflite2torch.compare(good, reference="onnx")
    report = tflite2torch.compare(good, reference="litert")
    assert isinstance(report, ParityReport)
    assert report.reference == "litert"


@pytest.mark.parametrize("batch", [0, -1, 1.5, "2"])
def test_the_function_takes_a_batch(good: Path, batch: int) -> None:
    with pytest.raises(ValueError, match=r"batch is .*; give a number, 1 or more"):
        tflite2torch.compare(good, batch=batch)
    with pytest.raises(ValueError, match="seed is -1; give a number, 0 or more"):
        tflite2torch.compare(good, seed=-1)


def test_the_function_takes_a_module(good: Path) -> None:
    with pytest.raises(TypeError, match=r"type str; give an instance of nn\.Mod"):
        tflite2torch.compare(good, "module")  # type: ignore[arg-type]


def test_the_function(good: Path) -> None:
    report = tflite2torch.compare(good, batch=2)
    assert isinstance(report, ParityReport)
    assert report.passed
    assert report.batch == 2
    [bundled] = tflite2torch.compare(good.parent).values()  # type: ignore[union-attr]
    assert bundled.passed


def model_of_numbers(path: Path) -> Path:
    """Write a model that takes no image."""
    network = Network()
    path.write_bytes(network.build([network.function("TANH", network.input((1, 5)))]))
    return path


def test_images_have_to_be_there(good: Path, tmp_path: Path) -> None:
    numbers = model_of_numbers(tmp_path / "numbers.tflite")
    folder = tmp_path / "images"
    folder.mkdir()
    for sources in ([good], [numbers], [good, numbers]):
        result = call("parity", *sources, f"--images={folder}")
        assert result.exit_code == 2
        assert f"{folder}: no .bmp" in result.stderr


def test_images_have_to_be_for_a_model(good: Path, tmp_path: Path) -> None:
    numbers = model_of_numbers(tmp_path / "numbers.tflite")
    Image.new("RGB", (9, 7)).save(tmp_path / "black.png")
    result = call("parity", numbers, f"--images={tmp_path}")
    assert result.exit_code == 2
    assert "no model takes an image; give --inputs" in result.stderr
    assert call("compare", numbers, numbers, f"--images={tmp_path}").exit_code == 2
    result = call("parity", good, numbers, f"--images={tmp_path}", "--json")
    assert result.exit_code == 0
    first, second = json.loads(result.stdout)["models"]
    assert (first["samples"], first["notes"]) == (["black.png"], [])
    assert second["samples"][0] == "uniform"
    assert second["notes"] == ["it takes no image, so that --images is not for it"]


def test_files_that_are_called_alike(good: Path, good_model: bytes) -> None:
    paths = [good.parent / folder / "m.tflite" for folder in ("d1", "d2")]
    for padding, path in enumerate(paths):
        path.parent.mkdir()
        path.write_bytes(good_model + bytes(padding))
    result = call("parity", *paths)
    first, second = [x for x in result.stdout.splitlines() if x.startswith("m.tflite")]
    assert first == "m.tflite"
    digest = hashlib.sha256(paths[1].read_bytes()).hexdigest()
    assert second == f"m.tflite (m_{digest[:8]})"
    assert f"  sha256 {digest}" in result.stdout.splitlines()


def test_a_source_that_is_given_twice_counts_once(good: Path) -> None:
    result = call("parity", good.parent, good, "--json")
    assert [model["name"] for model in json.loads(result.stdout)["models"]] == ["good"]
    assert result.stderr == "note: good.tflite is good.tflite again; it counts once\n"
    assert call("parity", good, good, "-q").stderr == ""


def test_limits_of_statistics(good: Path) -> None:
    """A limit of a statistic takes the place of that of the largest error."""
    code, document = parity(good, "--tolerance", "output output:snr=300", "--seed=1")
    [model] = document["models"]
    assert code == 1
    assert "dB is below 300 dB" in model["verdict"]
    output = model["layers"][-1]
    assert output["limit"] == "inf"
    assert output["statistics"].keys() == {"snr"}
    code, document = parity(good, "--tolerance", "output output:snr=60", "--seed=1")
    [model] = document["models"]
    assert code == 0
    assert model["verdict"].endswith("with tolerances that were given: output output:snr=60")
    result = call("parity", good, "--tolerance", "outpt:mean=1")
    assert result.exit_code == 2
    assert "--tolerance outpt:mean: no layer or tensor of this name" in result.stderr


def test_a_quick_comparison_says_what_it_leaves_out(good: Path) -> None:
    code, document = parity(good, "--quick")
    [model] = document["models"]
    assert code == 0
    assert (model["samples"], model["batches"]) == (["uniform", "face"], [2])
    assert [layer["kind"] for layer in model["layers"]] == ["output"]
    assert {constant["verdict"] for constant in model["constants"]} == {"equal"}
    assert model["verdict"].endswith("; outputs alone")
    assert "layers, gradients and most kinds of inputs were not" in model["notes"][0]


def test_a_quick_comparison_sees_constants_that_no_output_shows(good: Path) -> None:
    module = tflite2torch.load(good)
    assert isinstance(module, torch.nn.Module)
    key, weight = next(iter(module.state_dict().items()))
    weight.view(-1)[0] += 1e-9  # too little for any output
    report = tflite2torch.compare(good, module, quick=True)
    assert f"{key} differs from the file's in 1 of" in report.verdict


def test_saved_outputs_are_those_of_both_sides(good: Path, tmp_path: Path) -> None:
    result = call("parity", good, "--save-outputs", tmp_path / "saved")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "saved" / "good"
    sides = {name: np.load(folder / f"{name}.npz") for name in ("inputs", "tflite", "pytorch")}
    images = sides["inputs"]["input"]
    assert images.shape == (len(PATTERNS), 4, 5, 3)
    module = tflite2torch.load(good)
    with torch.inference_mode():
        expected = module(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(sides["pytorch"]["output"], expected, atol=1e-6)
    np.testing.assert_allclose(sides["tflite"]["output"], expected, atol=1e-6)
    # What was saved may be given again.
    code, document = parity(good, "--inputs", str(folder / "inputs.npz"))
    assert code == 0
    assert len(document["models"][0]["samples"]) == len(PATTERNS)
    result = call("parity", good, "--save-outputs", tmp_path / "saved")
    assert result.exit_code == 2
    assert "exists already; add --force" in result.stderr


def test_python_has_what_the_command_line_has(good: Path, tmp_path: Path) -> None:
    page, junit = tmp_path / "page.html", tmp_path / "junit.xml"
    image = np.full((1, 4, 5, 3), 0.25, np.float32)
    report = tflite2torch.compare(
        good,
        inputs={"input": image},
        tolerances={"output output:mean": 1e-3},
        batch=1,
        html=page,
        junit=junit,
        save_repro=tmp_path / "repro",
        save_outputs=tmp_path / "saved",
    )
    assert report.passed
    assert report.samples == ("given 0",)
    assert data_of(page)["models"][0]["verdict"] == report.verdict
    assert ElementTree.parse(junit).getroot().find("testsuite") is not None
    assert (tmp_path / "repro" / "good" / "show.py").exists()
    np.testing.assert_array_equal(np.load(tmp_path / "saved/good/inputs.npz")["input"], image)
    half = tflite2torch.compare(good, dtype="float16", quick=True)
    assert half.dtype == "float16"
    with pytest.raises(ValueError, match="no form is called 'quantized'"):
        tflite2torch.compare(good, form="quantized")
    with pytest.raises(tflite2torch.OutputError, match=r"page\.html: exists already"):
        tflite2torch.compare(good, html=page)
