"""Every recipe of docs/recipes.md runs as it stands there, and does what its text says."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tflite2torch
from tests.support.command import ROOT
from tflite2torch.parity.inputs.face import face_photo

PAGE = (ROOT / "docs" / "recipes.md").read_text("utf-8")
RECIPES = {
    re.match(r"#+ (.+)", section)[1]: code[1]  # type: ignore[index]
    for section in re.split(r"^(?=##)", PAGE, flags=re.M)
    if (code := re.search(r"^```python\n(.*?)^```", section, re.S | re.M))
}
"""The code under each heading that has some."""

BUNDLE = "face_landmarker.task"
LANDMARKS = "face_landmarks_detector"

# Exporters and TorchScript say what torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def run(
    models: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Run a recipe in a folder of its own; return its variables."""

    def run_recipe(heading: str) -> dict[str, Any]:
        (tmp_path / "recipe.py").write_text(RECIPES[heading], "utf-8")
        return runpy.run_path("recipe.py")

    (tmp_path / BUNDLE).symlink_to(models(BUNDLE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield run_recipe
    torch.set_num_threads(threads)
    for name in ("face_detector", "hubconf"):
        if name not in known:
            sys.modules.pop(name, None)


def official(name: str) -> torch.nn.Module:
    """Return a model of the bundle, as it was before the recipe, in the recipe's folder."""
    return tflite2torch.load(BUNDLE, name)


def photo(size: int) -> torch.Tensor:
    """Return a photo of a face in [0, 1]."""
    pixels = torch.from_numpy(np.array(face_photo(size, size)))
    return pixels.permute(2, 0, 1)[None] / 255


def changed(model: torch.nn.Module) -> set[str]:
    """Return the parts of the landmark model whose weights a recipe changed."""
    before = official(LANDMARKS).state_dict()
    after = model.state_dict()
    return {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}


def test_every_recipe_is_tested() -> None:
    tested = set(re.findall(r'\brun\("(.+)"\)', Path(__file__).read_text("utf-8")))
    assert tested == set(RECIPES)


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_is_short(heading: str) -> None:
    lines = [line for line in RECIPES[heading].splitlines() if line]
    assert len(lines) <= 30


def test_fine_tune(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("Fine-tune a head")
    assert found["losses"][-1] < found["losses"][0] / 4
    assert changed(found["model"]) == {"face_landmarks"}


def test_freeze(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("Freeze parts by name")
    assert changed(found["model"]) == {"stage6", "stage7", "face_landmarks"}


def test_onnx(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("ONNX")
    assert [len(result) for result in found["results"]] == [5, 5]


def test_exported_program(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("ExportedProgram")
    assert type(found["loaded"](found["images"][:3])) is tuple


def test_torchscript(run: Callable[[str], dict[str, Any]]) -> None:
    assert isinstance(run("TorchScript")["loaded"], torch.jit.ScriptModule)


def test_mixed_precision(run: Callable[[str], dict[str, Any]]) -> None:
    """Steps of what the text says are there, and landmarks still are where they were."""
    names = run("Mixed precision")
    mixed, half = names["errors"]  # on noise, where processors differ by pixels
    assert 0.01 < half < mixed
    face, model = photo(256), names["model"]
    with torch.no_grad():
        exact, *_ = model(face)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            points, *_ = model(face)
    assert 0.1 < float((points.float() - exact).abs().max()) < 4  # steps are of 1


def test_features(run: Callable[[str], dict[str, Any]]) -> None:
    assert run("Take features")["shapes"] == {
        "stage3": (2, 64, 32, 32),
        "stage5": (2, 128, 8, 8),
        "stage7": (2, 128, 2, 2),
    }


def test_boxes(run: Callable[[str], dict[str, Any]]) -> None:
    """Both eyes are where the model of landmarks finds them, to less than half a cell."""
    found = run("Decode boxes")
    with torch.no_grad():
        boxes, keypoints, scores = found["decode"](
            *found["model"](photo(128) * 2 - 1), found["anchors"](found["model"], 128, 128)
        )
        landmarks, *_ = official(LANDMARKS)(photo(256))
    points = landmarks.view(478, 3)[:, :2] / 256
    eyes = torch.stack([points[[33, 133]].mean(0), points[[362, 263]].mean(0)])
    sure = scores[0] > 0.5
    assert sure.sum() > 10
    assert (keypoints[0, sure, :2] - 128 * eyes).abs().max() < 4
    left, top, right, bottom = boxes[0, sure].T
    for points in keypoints[0, sure].unbind(1)[:4]:
        assert bool((left < points[:, 0]).all() and (points[:, 0] < right).all())
        assert bool((top < points[:, 1]).all() and (points[:, 1] < bottom).all())


def test_hugging_face(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("Hugging Face")
    assert found["same"]
    assert not found["loaded"].training


def test_torch_hub(run: Callable[[str], dict[str, Any]]) -> None:
    model = run("torch.hub")["model"]
    weights = official("face_detector").state_dict()
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())


def test_a_tuned_model_in_mediapipe(run: Callable[[str], dict[str, Any]]) -> None:
    names = run("Run a tuned model in MediaPipe")
    tuned = tflite2torch.load("tuned.task", LANDMARKS)
    assert changed(tuned) == {"face_landmarks"}
    with torch.inference_mode():
        before, after = (x(photo(256))[0] for x in (official(LANDMARKS), tuned))
    moved = (after - before).reshape(-1, 3)
    torch.testing.assert_close(moved[:, 1], torch.full((478,), 4.0), atol=0.05, rtol=0)
    assert float(moved[:, 0].abs().max()) < 1e-4
    assert names["report"].passed
