"""``tflite2torch compare``: what has changed between two models of one architecture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner, Result

from tests.support.networks import Network
from tests.support.official import BUNDLE
from tests.support.operators import weights
from tests.support.page import data_of
from tflite2torch.cli import main
from tflite2torch.converter.convert import convert_all
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.reference.editing import packed_model

Change = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def compared(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Return exit code, and the JSON of the only model."""
    result = compare(*arguments, "--json")
    [model] = json.loads(result.stdout)["models"]
    return result.exit_code, model


def changed(model: bytes, change: Change, only: int | None = None) -> bytes:
    """Return a model whose float32 constants, or that of one tensor, are others."""
    copy = schema.ModelT.InitFromPackedBuf(model)
    for index, tensor in enumerate(copy.subgraphs[0].tensors):
        buffer = copy.buffers[tensor.buffer]
        floating = tensor.type == schema.TensorType.FLOAT32
        if floating and buffer.data is not None and only in (None, index):
            data = change(np.frombuffer(bytes(buffer.data), np.float32))
            buffer.data = np.frombuffer(data.astype(np.float32).tobytes(), np.uint8)
    return packed_model(copy)


def as_half(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(np.float16)


def test_the_layer_that_changed_is_named(good: Path, good_model: bytes) -> None:
    def change(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values + np.eye(1, values.size, dtype=np.float32)[0] * 0.01

    other = good.with_name("other.tflite")
    other.write_bytes(changed(good_model, change, only=1))
    code, model = compared(good, other)
    assert code == 1
    assert model["sources"] == [model["layers"][0]["name"]]
    largest = max(abs(given[side]) for given in model["given"] for side in ("low", "high"))
    assert 0.01 < model["layers"][0]["needed"] <= 0.01001 * largest
    [constant] = [one for one in model["constants"] if one["different"]]
    assert (constant["verdict"], constant["different"]) == ("different", 1)
    assert constant["largest"] == pytest.approx(0.01, rel=1e-4)
    assert compared(good, good)[0] == 0


def test_layers_may_be_called_otherwise(good: Path, good_model: bytes) -> None:
    """A layer without a better name has that of the output, which another release renames."""
    copy = schema.ModelT.InitFromPackedBuf(good_model)
    subgraph = copy.subgraphs[0]
    subgraph.tensors[subgraph.outputs[0]].name = "regressor_8"
    other = good.with_name("other.tflite")
    other.write_bytes(packed_model(copy))
    one, two = (c.state for c in convert_all(read_sources([good, other])))
    assert one.keys() != two.keys()
    code, model = compared(good, other)
    assert code == 0, model["verdict"]
    assert [constant["verdict"] for constant in model["constants"]] == ["equal", "equal"]


def test_both_models_are_named(good: Path) -> None:
    other = good.with_name("other.tflite")
    other.write_bytes(good.read_bytes() + bytes(1))
    page = good.with_name("page.html")
    _, model = compared(good, other, f"--html={page}")
    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (good, other)]
    assert (model["source"], model["sha256"]) == ("good.tflite", digests[0])
    assert model["other"] == {
        "name": "other",
        "source": "other.tflite",
        "sha256": digests[1],
    }
    lines = [line.strip() for line in compare(good, other).stdout.splitlines()]
    assert "good.tflite and other.tflite" in lines
    assert f"TFLite runs good.tflite, sha256 {digests[0]}" in lines
    assert f"PyTorch runs other.tflite, sha256 {digests[1]}" in lines
    [shown] = data_of(page)["models"]
    assert shown["title"] == "good.tflite and other.tflite"
    assert shown["other"]["sha256"] == digests[1]


def test_it_saves_what_differs(good: Path, tmp_path: Path) -> None:
    folder, nodes = tmp_path / "repro", tmp_path / "nodes.json"
    options = [f"--save-repro={folder}", f"--model-explorer={nodes}", "--dtype=bfloat16"]
    _, model = compared(good, good, *options)
    layer = model["layers"][0]
    assert json.loads(nodes.read_text())["main"]["results"] == {
        layer["tensor_name"]: {"value": layer["severity"]}
    }
    with np.load(folder / "good" / "outputs.npz") as outputs:
        error = np.abs(outputs["pytorch"] - outputs["tflite"]).max()
    assert error == pytest.approx(layer["forced_error"])
    assert error > 1e-3  # of bfloat16


def test_a_call_that_is_wrong(good: Path, tmp_path: Path) -> None:
    assert compare(good).exit_code == 2
    other = tmp_path / "folder"
    other.mkdir()
    for padding, name in enumerate(("one", "two")):
        (other / f"{name}.tflite").write_bytes(good.read_bytes() + bytes(padding))
    result = compare(good, other)
    assert result.exit_code == 2
    assert "do not pair up by name" in result.stderr


def other_architectures() -> dict[str, bytes]:
    """Return models that differ from one of a convolution, by what differs first."""
    wide, deep, small = Network(), Network(), Network()
    features = deep.conv(deep.input((1, 4, 5, 3)), 3, 2)
    return {
        "output 1 is float32 [N, 2, 4, 5] in the first, float32 [N, 7, 4, 5] in the second": (
            wide.build([wide.conv(wide.input((1, 4, 5, 3)), 3, 7)])
        ),
        "operation 2 is output (output) in the first, forward: tanh (tanh) in the second": (
            deep.build([deep.function("TANH", features)])
        ),
        "weight is [2, 3, 3, 3] in the first, [2, 3, 1, 1] in the second": (
            small.build([small.conv(small.input((1, 4, 5, 3)), 3, 2, kernel=1)])
        ),
    }


@pytest.mark.parametrize("difference", other_architectures())
def test_another_architecture_is_one_line(good: Path, difference: str) -> None:
    other = good.with_name("other.tflite")
    other.write_bytes(other_architectures()[difference])
    result = compare(good, other)
    assert result.exit_code == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: good.tflite and other.tflite are of two architectures, of ")
    assert difference in line
    code, model = compared(good, other)
    assert (code, model["passed"]) == (1, None)
    assert line == f"error: {model['reason']}"


def test_what_is_folded_is_computed_with_the_weights_of_the_second(
    tmp_path: Path,
) -> None:
    """A LayerNorm with another scale: its mean is the same, its factor is not."""
    paths = [tmp_path / "first.tflite", tmp_path / "second.tflite"]
    for factor, path in enumerate(paths, start=1):
        network = Network()
        x = network.function("TANH", network.input((1, 5, 8)))
        normal = network.layer_norm(x, weights(8) * factor, weights(8))
        path.write_bytes(network.build([normal]))
    code, model = compared(*paths)
    assert code == 1
    layers = {layer["kind"]: layer for layer in model["layers"]}
    assert layers["LayerNorm"]["name"] in model["sources"]
    assert layers["RSQRT"]["passed"]
    scaled = next(layer for layer in model["layers"] if layer["kind"] == "MUL")
    assert scaled["inside"] == layers["LayerNorm"]["name"]
    assert not scaled["passed"]


@pytest.mark.parametrize(("dtype", "digits"), [("float32", 23), ("float16", 10), ("bfloat16", 7)])
def test_a_type_to_compute_in(good: Path, dtype: str, digits: int) -> None:
    """Sums of 27 products of numbers near one: errors are of the type's own size."""
    code, model = compared(good, good, "--dtype", dtype)
    assert code == 0
    assert model["dtype"] == dtype
    layer = model["layers"][0]
    size = 2.0**-digits
    assert 0.1 * size < layer["error"] / layer["magnitude"] < 4 * size
    assert layer["limit"] >= 4 * layer["error"] / layer["ulps"]
    assert layer["reference_from_exact"] / layer["magnitude"] < 4 * 2.0**-23


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_fault_shows_in_a_narrow_type_too(good: Path, good_model: bytes, dtype: str) -> None:
    other = good.with_name("other.tflite")
    other.write_bytes(changed(good_model, lambda values: values * 1.2, only=1))
    code, model = compared(good, other, "--dtype", dtype)
    assert code == 1
    assert model["sources"] == [model["layers"][0]["name"]]


def test_what_a_narrow_type_cannot_hold_is_a_failure(good: Path, good_model: bytes) -> None:
    large = changed(good_model, lambda values: values * 1e5, only=1)
    good.write_bytes(large)
    code, model = compared(good, good, "--dtype", "float16")
    assert code == 1
    assert model["layers"][0]["error"] == model["layers"][0]["needed"] == "inf"
    assert compared(good, good, "--dtype", "bfloat16")[0] == 0


def test_float32_and_float16_weights(models: Callable[[str], Path], tmp_path: Path) -> None:
    first = models("face_detection_front.tflite")
    second = tmp_path / "half.tflite"
    second.write_bytes(changed(first.read_bytes(), as_half))
    code, model = compared(first, second)
    assert code == 1
    assert model["failures"] == []
    assert model["coverage"]["compared"] == model["coverage"]["total"]
    layers = {layer["name"]: layer for layer in model["layers"]}
    weighted = [name for name in layers if layers[name]["kind"] == "Conv2d"]
    assert "the source is forward: pad → stem: " in model["verdict"]
    for layer in (layers[name] for name in weighted):
        assert layer["forced_failures"]
        if layer["sample"] == layer["forced_sample"]:
            alone = layer["forced_error"] / layer["magnitude"]
            assert 2.0**-20 < alone < 2.0**-9, "the rounding of weights to 11 digits"
    verdicts = {one["verdict"] for one in model["constants"]}
    assert verdicts == {"equal", "equal after rounding to float16"}
    unweighted = [name for name in layers if layers[name]["kind"] in ("relu", "add")]
    assert not any(layers[name]["forced_failures"] for name in unweighted)


def test_two_releases_of_other_weights(models: Callable[[str], Path]) -> None:
    """0.7.4's and 0.8.8's face mesh: the same layers, trained anew, stored in two types."""
    code, model = compared(models("face_landmark.tflite"), models("face_landmark_f16.tflite"))
    assert code == 1
    assert all("nothing exercised" in failure for failure in model["failures"][:-1])
    assert model["failures"][-1].endswith("more such differences")
    equal = [one["key"] for one in model["constants"] if one["verdict"] == "equal"]
    assert all(key.endswith("depthwise.bias") for key in equal), "these are zeros in both"
    assert model["coverage"]["compared"] == model["coverage"]["total"] == 97
    assert "the source is forward: pad → stem: " in model["verdict"]
    changed_layers = [layer["kind"] for layer in model["layers"] if not layer["passed"]]
    assert changed_layers.count("Conv2d") > 40


def test_two_releases_of_the_same_weights(
    models: Callable[[str], Path], wheel_models: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "face_detector.tflite"
    path.write_bytes(wheel_models["face_detection_short_range.tflite"])
    result = compare(path, models(BUNDLE))
    assert result.exit_code == 2, "the bundle has three"
    other = tmp_path / "same.tflite"
    other.write_bytes(path.read_bytes() + bytes(16))
    assert compared(path, other)[0] == 0
