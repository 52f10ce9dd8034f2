"""``--reference``: whatever becomes of a runtime, it is one line and exit code 3."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.fakes import INTERPRETER, Fakes
from tests.support.models import Tensor, one_operator_model
from tflite2torch.cli import main
from tflite2torch.parity.reference.environment import PYTHON
from tflite2torch.parity.reference.mediapipe import MediaPipeReference

INPUT, OUTPUT, TENSOR = (1, 4, 5, 3), (1, 4, 5, 2), 3
"""Of the model of one convolution in ``good.tflite``."""

BACKENDS = ("litert", "tensorflow", "mediapipe")

ENDS = {
    "refuses": ("raise ValueError('no such kernel')", "no such kernel"),
    "crashes": ("os.abort()", "was ended by SIGABRT"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
    "ends": ("os._exit(9)", "ended with exit code 9"),
    "hangs": ("time.sleep(60)", "gave no answer within 2 s"),
    "runs out of memory": ("np.ones(1 << 40)", "ran into its limit of 2048 MiB"),
    "gives garbage": (
        "self.answer = np.ones((1, 3), np.float32)",
        "answered with something else than float32 [1, 4, 5, 2] for tensor 3",
    ),
    "answers nonsense": (
        "[os.write(fd, b'garbage!') for fd in range(3, 20) if os.path.exists(f'/dev/fd/{fd}')]",
        "answered with a header of",
    ),
}


@pytest.fixture
def fakes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """Put runtimes of one's own in place of the installed ones."""
    return Fakes(tmp_path_factory.mktemp("fakes"), monkeypatch)


def parity(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["parity", str(path), *options])


def the_verdict(result: Result) -> str:
    """Return the only line that is said; it must have ended with 3."""
    assert result.exit_code == 3, result.output
    (line,) = result.stderr.splitlines()
    assert "not compared: the reference could not run" in result.stdout
    assert line.isprintable()
    return line


def install(fakes: Fakes, backend: str, invoke: str) -> None:
    if backend == "mediapipe":
        fakes.mediapipe(invoke, INPUT, OUTPUT)
    else:
        fakes.interpreter(invoke, backend, input=INPUT, output=OUTPUT, tensor=TENSOR)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("end", ENDS)
def test_a_runtime_that_fails(good: Path, fakes: Fakes, backend: str, end: str) -> None:
    invoke, said = ENDS[end]
    limit = ["--time-limit=2"] if end == "hangs" else []
    install(fakes, backend, invoke)
    line = the_verdict(parity(good, "--reference", backend, *limit))
    if (backend, end) == ("mediapipe", "gives garbage"):  # its inputs come back first
        said = "did not see the numbers that it was given"
    assert line.startswith("error: good.tflite: ")
    assert said in line
    assert "take another --reference" in line


@pytest.mark.parametrize("backend", ["litert", "tensorflow"])
def test_the_runtime_that_is_asked_for_runs(good: Path, fakes: Fakes, backend: str) -> None:
    """It gives nothing but ones, so that the module differs from it."""
    install(fakes, backend, "pass")
    result = parity(good, "--reference", backend, "--json")
    assert result.exit_code == 1
    [model] = json.loads(result.stdout)["models"]
    assert model["reference"] == backend
    assert model["runtime"].endswith(" 0")


def test_a_runtime_that_declares_another_shape(good: Path, fakes: Fakes) -> None:
    fakes.interpreter("pass", input=INPUT, output=(1, 4, 5, 7), tensor=TENSOR)
    line = the_verdict(parity(good))
    assert "LiteRT has float32 [1, 4, 5, 7] for tensor 3, where the file has" in line


def test_a_runtime_that_cannot_be_imported(good: Path, fakes: Fakes) -> None:
    fakes.interpreter("pass", source="import nowhere\n" + INTERPRETER)
    line = the_verdict(parity(good))
    assert "LiteRT cannot be imported (No module named 'nowhere')" in line
    assert 'pip install "tflite2torch[parity]"' in line


MISSING = {
    "litert": ("ai-edge-litert is not installed", "pip install"),
    "tensorflow": ("tensorflow is not installed", "pip install tensorflow-cpu"),
    "mediapipe": ("there is no /no/such/python", "tflite2torch reference"),
}


@pytest.mark.parametrize("backend", MISSING)
def test_a_runtime_that_is_not_installed(
    good: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    hide(monkeypatch, "tensorflow", *["ai_edge_litert"] * (backend == "litert"))
    monkeypatch.setenv(PYTHON, "/no/such/python")
    line = the_verdict(parity(good, "--reference", backend))
    assert all(said in line for said in MISSING[backend])


def hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Let packages look as if they were not installed."""
    really = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> object:
        return None if name in packages else really(name, package)

    for module in (
        "tflite2torch.parity.reference.interpreter",
        "tflite2torch.comparison.importlib.util",
    ):
        monkeypatch.setattr(f"{module}.find_spec", find)


def test_without_litert_tensorflow_is_the_default(
    good: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(fakes, "tensorflow", "pass")
    hide(monkeypatch, "ai_edge_litert")
    [model] = json.loads(parity(good, "--json").stdout)["models"]
    assert model["reference"] == "tensorflow"


def test_models_with_custom_operators_are_mediapipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "custom.tflite"
    points = Tensor((1, 2, 3))
    path.write_bytes(
        one_operator_model("TransformLandmarks", [points, Tensor((1, 4, 4))], [points], version=2)
    )
    monkeypatch.setenv(PYTHON, "/no/such/python")
    assert "there is no /no/such/python; run: tflite2torch reference" in the_verdict(parity(path))
    line = the_verdict(parity(path, "--reference", "litert"))
    assert "custom op: TransformLandmarks" in line
    assert "take another --reference" in line


def test_tensorflow_itself(good: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed; it is large, and no part of [dev]")
    result = parity(good, "--reference", "tensorflow", "--json")
    assert result.exit_code == 0, result.output
    [model] = json.loads(result.stdout)["models"]
    assert model["passed"]
    assert model["runtime"].startswith("TensorFlow 2.")
    assert model["kernels"] == ["reference", "builtin", "xnnpack"]


def test_mediapipe_itself(good: Path) -> None:
    if reason := MediaPipeReference.unavailable():
        pytest.skip(reason)
    result = parity(good, "--reference", "mediapipe", "--json")
    assert result.exit_code == 0, result.output
    [model] = json.loads(result.stdout)["models"]
    assert model["passed"]
    assert model["runtime"] == "MediaPipe 0.10.21"


def test_a_name_that_is_none(good: Path) -> None:
    result = parity(good, "--reference", "onnx")
    assert result.exit_code == 2
    assert "'litert', 'tensorflow', 'mediapipe'" in result.stderr
