"""``tflite2torch write-back``: tuned weights in the official file, run by MediaPipe itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

import tflite2torch
from tests.support.networks import Network
from tflite2torch.cli import main
from tflite2torch.parity.inputs.face import read_photo

TASKS = "TFLITE2TORCH_TASKS"
"""The Python of an environment with mediapipe==1.2.2; ``make test`` makes it."""

DETECT = """
import json, sys
import mediapipe
from mediapipe.tasks.python import BaseOptions, vision

image = mediapipe.Image.create_from_file(sys.argv[1])
for path in sys.argv[2:]:
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=path), output_face_blendshapes=True
    )
    with vision.FaceLandmarker.create_from_options(options) as task:
        found = task.detect(image)
    points = [[p.x, p.y, p.z] for p in found.face_landmarks[0]]
    scores = {c.category_name: c.score for c in found.face_blendshapes[0]}
    print(json.dumps([points, scores]))
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["write-back", *map(str, arguments)])


@pytest.fixture
def bundle(models: Callable[[str], Path]) -> Path:
    return models("face_landmarker.task")


def state_of(bundle: Path, name: str) -> dict[str, torch.Tensor]:
    return {k: x.clone() for k, x in tflite2torch.load(bundle, name).state_dict().items()}


def test_own_weights_give_the_same_file(bundle: Path, tmp_path: Path) -> None:
    state = state_of(bundle, "face_detector")
    save_file(state, tmp_path / "same.safetensors")
    torch.save(state, tmp_path / "same.pth")
    for name in ("same.safetensors", "same.pth"):
        out = tmp_path / f"{name}.task"
        result = call(bundle, tmp_path / name, "-o", out)
        assert result.exit_code == 0, result.output
        assert out.read_bytes() == bundle.read_bytes()
        assert "0 of 74 entries of face_detector changed" in result.stdout


def test_mediapipe_runs_what_was_tuned(bundle: Path, tmp_path: Path) -> None:
    python = os.environ.get(TASKS)
    if not python:
        pytest.skip(f"mediapipe==1.2.2: {TASKS} is not set")
    photo, tuned = tmp_path / "photo.png", tmp_path / "tuned.task"
    Image.fromarray(read_photo()).save(photo)
    state = state_of(bundle, "face_blendshapes")
    state["blendweights.bias"] += torch.linspace(-1, 1, 52)
    save_file(state, tmp_path / "scores.safetensors")
    result = call(bundle, tmp_path / "scores.safetensors", "-o", tuned)
    assert result.exit_code == 0, result.output
    # All 478 points move up by a tenth of the face's crop, one after the other in the same file.
    state = state_of(bundle, "face_landmarks_detector")
    state["face_landmarks.bias"][1::3] -= 25.6
    save_file(state, tmp_path / "points.safetensors")
    result = call(tuned, tmp_path / "points.safetensors", "-o", tuned, "--force")
    assert result.exit_code == 2  # a file is not written over itself
    both = tmp_path / "both.task"
    assert call(tuned, tmp_path / "points.safetensors", "-o", both).exit_code == 0
    command = [python, "-c", DETECT, photo, bundle, tuned, both]
    process = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    (points, scores), (same, moved), (shifted, _) = map(json.loads, process.stdout.splitlines())

    def logits(found: dict[str, float]) -> np.ndarray:  # type: ignore[type-arg]
        values = np.array(list(found.values()))
        return np.log(values / (1 - values))

    change = logits(moved) - logits(scores)
    certain = np.array(list(scores.values())) > 1e-5  # float32 has no more digits below
    np.testing.assert_allclose(change[certain], np.linspace(-1, 1, 52)[certain], atol=2e-3)
    assert same == points  # nothing else in the bundle has changed
    up = np.array(points)[:, 1] - np.array(shifted)[:, 1]
    assert up.min() > 0
    assert up.std() < 0.02 * up.mean()


def test_parity_with_the_tuned_module(bundle: Path, tmp_path: Path) -> None:
    """TFLite on the new file gives what the tuned module gives in PyTorch."""
    module = tflite2torch.load(bundle, "face_blendshapes")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for x in module.parameters():
            noise = 1 + 0.01 * torch.randn(x.shape, generator=generator)
            x.copy_((x * noise).half().float())  # as the file stores it
    save_file(module.state_dict(), tmp_path / "tuned.safetensors")
    out = tmp_path / "tuned.task"
    result = call(bundle, tmp_path / "tuned.safetensors", "-o", out, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert len(document["changed"]) == len(module.state_dict())
    assert document["rounded"] == []
    report = tflite2torch.compare(out, module, model="face_blendshapes")
    assert report.passed, report.verdict
    assert not tflite2torch.compare(bundle, module, model="face_blendshapes", quick=True).passed


def test_what_does_not_fit_is_listed(bundle: Path, tmp_path: Path) -> None:
    state = state_of(bundle, "face_detector")
    state["other"] = state.pop("stem.bias")
    save_file(state, tmp_path / "weights.safetensors")
    arguments = [bundle, tmp_path / "weights.safetensors", "-o", tmp_path / "out.task"]
    result = call(*arguments)
    assert result.exit_code == 2
    assert "none of its models have these keys; --model names one of face_detector" in result.stderr
    result = call(*arguments, "--model", "face_detector")
    assert result.exit_code == 2
    assert "other: the model has no such key; stem.bias: it is missing" in result.stderr
    assert not (tmp_path / "out.task").exists()


def test_a_port_by_its_map(tmp_path: Path) -> None:
    b = Network()
    path = tmp_path / "model.tflite"
    path.write_bytes(b.build([b.conv(b.input((1, 8, 8, 3)), 3, 4)]))
    state = tflite2torch.load(path).state_dict()
    [weight, bias] = state
    old = {"kernel": state[weight].permute(2, 3, 1, 0), "offset": state[bias]}
    np.savez(tmp_path / "old.npz", **{key: x.numpy() for key, x in old.items()})
    regenerate = ["regenerate", path, "--like", tmp_path / "old.npz", "--was", path]
    regenerate += ["-o", tmp_path / "same.npz", "--save-map", tmp_path / "map.json"]
    result = CliRunner().invoke(main, list(map(str, regenerate)))
    assert result.exit_code == 0, result.output
    new = {key: 2 * x for key, x in old.items()}
    torch.save(new, tmp_path / "new.pth")
    out = tmp_path / "new.tflite"
    result = call(path, tmp_path / "new.pth", "--map", tmp_path / "map.json", "-o", out)
    assert result.exit_code == 0, result.output
    for key, x in tflite2torch.load(out).state_dict().items():
        assert torch.equal(x, 2 * state[key])
