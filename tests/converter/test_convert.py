"""The bundle's three models, converted and written: what users get, checked as users would."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.torch
import tflite
import torch
from safetensors.numpy import load_file

import tflite2torch
from tests.support.models import Tensor, one_operator_model
from tests.support.official import BUNDLE, BUNDLED
from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.errors import UnsupportedOpError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.face import picture_values
from tflite2torch.parity.inputs.interface import Port

CLASSES = {
    "face_detector": "FaceDetector",
    "face_landmarks_detector": "FaceLandmarksDetector",
    "face_blendshapes": "FaceBlendshapes",
}
OUTPUTS = {
    "face_detector": [(896, 16), (896, 1)],
    "face_landmarks_detector": [(1434,), (1,), (1,)],
    "face_blendshapes": [(52,)],
}
ROOT = Path(tflite2torch.__file__).parent.parent


@pytest.fixture(scope="module")
def bundle(models: Callable[[str], Path]) -> Path:
    return models(BUNDLE)


@pytest.fixture(scope="module")
def written(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what ``convert`` writes of the bundle."""
    out = tmp_path_factory.mktemp("bundle") / "out"
    tflite2torch.convert(bundle, out)
    return out


@pytest.fixture(scope="module")
def manifest(written: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((written / "manifest.json").read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def modules(converted: Callable[[str], Conversion]) -> dict[str, torch.nn.Module]:
    return {name: load_module(converted(name)) for name in BUNDLED}


def inputs_of(conversion: Conversion, count: int, seed: int = 0) -> torch.Tensor:
    """Random inputs over the declared range."""
    (entry,) = conversion.inputs
    low, high = entry["value_range"] or (-1.0, 1.0)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(count, *entry["shape"][1:], generator=generator)
    return drawn * (high - low) + low


def outputs_of(module: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    given = module(x)
    return given if isinstance(given, tuple) else (given,)


def test_a_file_each_and_nothing_else(written: Path) -> None:
    expected = {f"{n}.{kind}" for n in BUNDLED for kind in ("py", "safetensors")}
    assert {path.name for path in written.iterdir()} == expected | {"manifest.json"}


@pytest.mark.parametrize("name", BUNDLED)
def test_it_loads_strictly_where_only_torch_is(
    written: Path, manifest: dict[str, Any], name: str
) -> None:
    """As the README says, in another process, with nothing of ours on the path."""
    shape = manifest["models"][name]["inputs"][0]["shape"][1:]
    script = f"""
import safetensors.torch, torch
from {name} import {CLASSES[name]}

model = {CLASSES[name]}()
print(model.load_state_dict(safetensors.torch.load_file("{name}.safetensors")))
outputs = model(torch.rand(2, *{shape}))
outputs = outputs if isinstance(outputs, tuple) else (outputs,)
print([tuple(output.shape) for output in outputs])
"""
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=written,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == [
        "<All keys matched successfully>",
        str([(2, *shape) for shape in OUTPUTS[name]]),
    ]


def faces(conversion: Conversion, count: int) -> torch.Tensor:
    """A face as the model takes one, from dim to bright."""
    port = Port.from_manifest(conversion.inputs[0])
    array = picture_values("face", port)
    assert array is not None
    face = torch.from_numpy(np.ascontiguousarray(port.to_module(array)))
    gains = torch.linspace(1, 0.7, count).reshape(-1, *[1] * (face.ndim - 1))
    return face * gains


def batch_errors(module: torch.nn.Module, x: torch.Tensor, smallest: float) -> Iterator[float]:
    """Yield how far each output moves in a batch, relative to its magnitude."""
    with torch.no_grad():
        together = outputs_of(module, x)
        alone = [outputs_of(module, sample[None]) for sample in x]
    for whole, *parts in zip(together, *alone, strict=True):
        joined = torch.cat(parts)
        assert whole.shape == joined.shape
        error = (whole - joined).abs().max()
        yield float(error / joined.abs().max().clamp(min=smallest))


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_batch_gives_what_each_sample_gives_alone(
    converted: Callable[[str], Conversion],
    modules: dict[str, torch.nn.Module],
    name: str,
    count: int,
) -> None:
    # Of probabilities near 0, which a sigmoid gives, only digits below 1 count: their
    # relative error is the logit's absolute one.
    x = faces(converted(name), count)
    assert max(batch_errors(modules[name], x, smallest=1)) <= 1e-5


@pytest.mark.parametrize("name", BUNDLED)
def test_nothing_of_one_sample_reaches_another(
    converted: Callable[[str], Conversion],
    modules: dict[str, torch.nn.Module],
    name: str,
) -> None:
    """In float64, where rounding is far below what mixing would do."""
    module = copy.deepcopy(modules[name]).double()
    x = inputs_of(converted(name), 3).double()
    assert max(batch_errors(module, x, smallest=0)) <= 1e-12


@pytest.mark.parametrize("name", BUNDLED)
def test_gradients_reach_the_input(
    converted: Callable[[str], Conversion],
    modules: dict[str, torch.nn.Module],
    name: str,
) -> None:
    for place in range(len(OUTPUTS[name])):
        x = inputs_of(converted(name), 2).requires_grad_()
        outputs_of(modules[name], x)[place].sum().backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()
        assert x.grad[0].any()
        assert x.grad[1].any()


def test_a_loaded_module_is_the_written_one(bundle: Path, written: Path) -> None:
    loaded = tflite2torch.load(bundle)
    assert isinstance(loaded, dict)
    assert list(loaded) == list(BUNDLED)
    for name, module in loaded.items():
        assert not module.training
        weights = safetensors.torch.load_file(written / f"{name}.safetensors")
        state = module.state_dict()
        assert state.keys() == weights.keys()
        assert all(torch.equal(state[key], weights[key]) for key in weights)


def test_one_model_is_loaded_as_itself(
    converted: Callable[[str], Conversion], tmp_path: Path
) -> None:
    path = tmp_path / "Face-Detector v2.tflite"
    path.write_bytes(converted("face_detector").file.data)
    module = tflite2torch.load(path)
    assert isinstance(module, torch.nn.Module)
    assert type(module).__name__ == "FaceDetectorV2"


def test_two_runs_write_the_same_bytes(bundle: Path, written: Path, tmp_path: Path) -> None:
    """In processes that hash, and so order sets, in other ways."""
    for seed in ("0", "1"):
        out = tmp_path / seed
        call = ["convert", "--no-verify", "-q", str(bundle), "-o", str(out)]
        subprocess.run(
            [sys.executable, "-m", "tflite2torch.cli", *call],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
        names = sorted(path.name for path in out.iterdir())
        assert names == sorted(path.name for path in written.iterdir())
        for name in names:
            assert (out / name).read_bytes() == (written / name).read_bytes()


def test_half_the_bytes_without_loss(
    bundle: Path, written: Path, manifest: dict[str, Any], tmp_path: Path
) -> None:
    """The bundle stores its weights as float16."""
    tflite2torch.convert(bundle, tmp_path, dtype="float16")
    halved = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    for name in BUNDLED:
        file = f"{name}.safetensors"
        narrow, wide = load_file(tmp_path / file), load_file(written / file)
        assert narrow.keys() == wide.keys()
        for key, array in narrow.items():
            assert array.dtype == np.float16
            assert wide[key].dtype == np.float32
            np.testing.assert_array_equal(array.astype(np.float32), wide[key])
        assert manifest["models"][name]["dtype"] == "float32"
        assert halved["models"][name]["dtype"] == "float16"
        module = tflite2torch.load(bundle)[name]
        state = safetensors.torch.load_file(tmp_path / file)
        assert not module.load_state_dict(state).missing_keys


def test_pth_holds_the_same(bundle: Path, written: Path, tmp_path: Path) -> None:
    tflite2torch.convert(bundle, tmp_path, format="pth")
    for name in BUNDLED:
        state = torch.load(tmp_path / f"{name}.pth", weights_only=True)
        weights = safetensors.torch.load_file(written / f"{name}.safetensors")
        assert state.keys() == weights.keys()
        assert all(torch.equal(state[key], weights[key]) for key in weights)


class OfficialFile:
    """One model of the bundle, read with TFLite's own schema bindings and nothing else."""

    def __init__(self, data: bytes) -> None:
        self._model = tflite.Model.GetRootAs(data, 0)
        self._graph = self._model.Subgraphs(0)

    def name(self, index: int) -> str:
        return str(self._graph.Tensors(index).Name().decode())

    def shape(self, index: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self._graph.Tensors(index).ShapeAsNumpy())

    def constant(self, index: int) -> npt.NDArray[Any]:
        tensor = self._graph.Tensors(index)
        kinds = {
            tflite.TensorType.FLOAT32: np.float32,
            tflite.TensorType.FLOAT16: np.float16,
        }
        raw = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        return raw.view(kinds[tensor.Type()]).reshape(self.shape(index))

    def weights(self) -> set[int]:
        """Return the stored tensors that layers with weights read."""
        unpacked: dict[int, int] = {}
        found: set[int] = set()
        for position in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(position)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            inputs = [int(index) for index in operator.InputsAsNumpy()]
            if kind == tflite.BuiltinOperator.DEQUANTIZE:
                unpacked[int(operator.Outputs(0))] = inputs[0]
            elif kind in (
                tflite.BuiltinOperator.CONV_2D,
                tflite.BuiltinOperator.DEPTHWISE_CONV_2D,
                tflite.BuiltinOperator.FULLY_CONNECTED,
                tflite.BuiltinOperator.PRELU,
            ):
                found |= {unpacked.get(index, index) for index in inputs[1:] if index >= 0}
        return found


def rearranged(
    stored: npt.NDArray[Any], permutation: list[int], shape: list[int]
) -> npt.NDArray[Any]:
    """Return a stored constant as the manifest says it stands in the state_dict."""
    turned = stored.transpose([axis for axis in permutation if axis >= 0])
    for place, axis in enumerate(permutation):
        if axis < 0:
            turned = np.expand_dims(turned, place)
    assert [n for n in turned.shape if n != 1] == [n for n in shape if n != 1]
    return turned.reshape(shape)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_weight_is_the_tensor_that_the_manifest_names(
    bundle: Path, written: Path, manifest: dict[str, Any], name: str
) -> None:
    with zipfile.ZipFile(bundle) as archive:
        official = OfficialFile(archive.read(f"{name}.tflite"))
    entry = manifest["models"][name]
    written_weights = load_file(written / entry["weights"])
    assert written_weights.keys() == entry["state_dict"].keys()
    for key, origin in entry["state_dict"].items():
        assert origin["name"] == official.name(origin["tensor"])
        stored = official.constant(origin["tensor"])
        expected = rearranged(stored, origin["permutation"], origin["shape"])
        np.testing.assert_array_equal(
            written_weights[key], expected.astype(np.float32), err_msg=key
        )
    origins = {origin["tensor"] for origin in entry["state_dict"].values()}
    assert official.weights() <= origins
    assert entry["parameters"] == sum(w.size for w in written_weights.values())


@pytest.mark.parametrize("name", BUNDLED)
def test_inputs_and_outputs_are_the_file_s_in_its_order(
    bundle: Path, manifest: dict[str, Any], name: str
) -> None:
    with zipfile.ZipFile(bundle) as archive:
        data = archive.read(f"{name}.tflite")
    official, graph = OfficialFile(data), tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    entry = manifest["models"][name]
    assert entry["class"] == CLASSES[name]
    for kind, tensors in [
        ("inputs", graph.InputsAsNumpy()),
        ("outputs", graph.OutputsAsNumpy()),
    ]:
        assert [port["tensor"] for port in entry[kind]] == [int(i) for i in tensors]
        for port in entry[kind]:
            assert port["name"] == official.name(port["tensor"])
            assert port["dtype"] == "float32"
            batch, *sizes = port["shape"]
            assert batch == "N"
            shape = official.shape(port["tensor"])
            _, *axes = port["permutation"]
            assert sizes == [shape[axis] for axis in axes]
    assert [tuple(p["shape"][1:]) for p in entry["outputs"]] == OUTPUTS[name]


def test_value_ranges_are_the_metadata_s(manifest: dict[str, Any]) -> None:
    ranges = {n: manifest["models"][n]["inputs"][0]["value_range"] for n in BUNDLED}
    assert ranges == {
        "face_detector": [-1.0, 1.0],
        "face_landmarks_detector": [0.0, 1.0],
        "face_blendshapes": None,
    }


def test_what_cannot_be_converted_is_listed_for_all_models_at_once() -> None:
    def file(name: str, operator: str) -> ModelFile:
        model = one_operator_model(operator, [Tensor((1, 4))], [Tensor((1, 4))])
        return ModelFile(name, f"{name}.tflite", model)

    files = [file("one", "Blink"), file("two", "RELU"), file("three", "Wink")]
    with pytest.raises(UnsupportedOpError) as caught:
        convert_all(files)
    first, second = caught.value.problems
    assert first.startswith("one.tflite: operator 0 ('Blink')")
    assert second.startswith("three.tflite: operator 0 ('Wink')")
    assert caught.value.exit_code == 1
