"""``tflite2torch regenerate``: published weight files, bit for bit, and ports by their code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from tflite2torch.cli import main
from tflite2torch.transfer.weight_files import read_weights

MADE_OF = {
    "hollance_blazeface.pth": "face_detection_front.tflite",
    "hollance_blazefaceback.pth": "face_detection_back.tflite",
    "zmurez_blazeface.pth": "face_landmarker.task",
    "mochineko_blazeface_f16.safetensors": "face_landmarker.task",
    "thepowerfuldeez_facemesh.pth": "face_landmark_f16.tflite",
    "tiqq111_facial_landmarks.pth": "face_landmark.tflite",
    "zmurez_blazeface_landmark.pth": "face_landmark.tflite",
    "tiqq111_irislandmarks.pth": "iris_landmark.tflite",
    "cedriclmenard_irislandmarks.pth": "iris_landmark.tflite",
}
"""Files of weights that people have published for their ports, and the models they are of."""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["regenerate", *map(str, arguments)])


@pytest.fixture(scope="module")
def published(models: Callable[[str], Path]) -> Path:
    for folder in models("face_landmarker.task").parents:
        if (folder / "downstream").is_dir():
            return folder / "downstream"
    pytest.skip("downstream/: not beside the folder of models")


@pytest.mark.parametrize("name", MADE_OF)
def test_published_files_bit_for_bit(
    models: Callable[[str], Path], published: Path, tmp_path: Path, name: str
) -> None:
    model, old, out = models(MADE_OF[name]), published / name, tmp_path / name
    more = ["--model", "face_detector"] if model.suffix == ".task" else []
    result = call(model, "--like", old, "--was", model, *more, "-o", out)
    assert result.exit_code == 0, result.output
    before, after = read_weights(old), read_weights(out)
    assert list(before) == list(after)
    for key, x in before.items():
        assert x.dtype == after[key].dtype
        assert torch.equal(x, after[key]), key
    if old.suffix == ".safetensors":
        assert old.read_bytes() == out.read_bytes()


def test_weights_of_another_release_are_told(
    models: Callable[[str], Path], published: Path, tmp_path: Path
) -> None:
    bundle, front = models("face_landmarker.task"), models("face_detection_front.tflite")
    old, out = published / "hollance_blazeface.pth", tmp_path / "new.pth"
    arguments = [bundle, "--model", "face_detector", "--like", old, "-o", out]
    result = call(*arguments, "--was", bundle)
    assert result.exit_code == 1
    told = "open: 16 of 74 keys have values of face_landmarker.task/face_detector.tflite"
    assert result.stderr.startswith(told)
    assert not out.exists()
    result = call(*arguments)
    assert result.exit_code == 1
    assert "the nearest is face_landmarker.task/face_detector.tflite, of which 16 of 74" in (
        result.stderr
    )
    # Its own model is found, and is of another architecture.
    iris = [models("iris_landmark.tflite"), "--like", old, "-o", out, "--among", front]
    result = call(*iris)
    assert result.exit_code == 1
    told = "open: iris_landmark.tflite is of another architecture than face_detection_front.tflite"
    assert result.stderr.strip() == told
    # Among older models it is found; today's weights come out, under the port's keys.
    result = call(*arguments, "--among", front, "--save-map", tmp_path / "map.json", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["keys"] == 74
    after = read_weights(out)
    theirs = read_weights(published / "zmurez_blazeface.pth")
    assert sum(torch.equal(x, theirs[key]) for key, x in after.items()) == 74
    again = tmp_path / "again.npz"
    result = call(bundle, "--model", "face_detector", "--map", tmp_path / "map.json", "-o", again)
    assert result.exit_code == 0, result.output
    assert all(torch.equal(x, after[key]) for key, x in read_weights(again).items())


PORT = """
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, i, o, s=1):
        super().__init__()
        self.s, self.c = s, o - i
        self.dw = nn.Conv2d(i, i, 3, s, padding=1 if s == 1 else 0, groups=i)
        self.pw = nn.Conv2d(i, o, 1)

    def forward(self, x):
        h = F.max_pool2d(x, 2) if self.s == 2 else x
        if self.c:
            h = F.pad(h, (0, 0, 0, 0, 0, self.c))
        if self.s == 2:
            x = F.pad(x, SIDES)
        return F.relu(self.pw(self.dw(x)) + h)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 24, 5, 2)
        sizes = [24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88]
        self.a = nn.ModuleList(
            Block(i, o, 2 if n in (2, 5) else 1)
            for n, (i, o) in enumerate(zip(sizes, sizes[1:]))
        )
        self.b = nn.Sequential(Block(88, 96, 2), *(Block(96, 96) for _ in range(4)))
        self.c8, self.c16 = nn.Conv2d(88, 2, 1), nn.Conv2d(96, 6, 1)
        self.r8, self.r16 = nn.Conv2d(88, 32, 1), nn.Conv2d(96, 96, 1)

    def forward(self, x):
        x = F.relu(self.conv(F.pad(x, (1, 2, 1, 2))))
        for block in self.a:
            x = block(x)
        y = self.b(x)
        rows = lambda t, n: t.permute(0, 2, 3, 1).reshape(len(t), -1, n)
        scores = torch.cat([rows(self.c8(x), 1), rows(self.c16(y), 1)], 1)
        return torch.cat([rows(self.r8(x), 16), rows(self.r16(y), 16)], 1), scores
"""


def test_a_port_of_the_detector_by_its_code(models: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(PORT.replace("SIDES", "(0, 1, 0, 1)"))
    (tmp_path / "wrong.py").write_text(PORT.replace("SIDES", "(1, 0, 1, 0)"))
    model, out = models("face_detection_front.tflite"), tmp_path / "port.pth"
    result = call(model, "--module", tmp_path / "right.py:Detector", "-o", out)
    assert result.exit_code == 0, result.output
    assert "passed: " in result.stdout
    wrong = tmp_path / "wrong.pth"
    arguments = [model, "--module", tmp_path / "wrong.py:Detector", "-o", wrong]
    result = call(*arguments, "--strict")
    assert result.exit_code == 1
    assert not wrong.exists()
    result = call(*arguments)
    assert result.exit_code == 1
    assert wrong.exists()  # filled all the same
    assert all(torch.equal(x, read_weights(wrong)[k]) for k, x in read_weights(out).items())
    assert "pad=[0, 1, 0, 1]" in result.stderr
    assert "pad(pad=[1, 0, 1, 0]) → conv2d(stride=2" in result.stderr


def test_wrong_calls(models: Callable[[str], Path], tmp_path: Path) -> None:
    model, out = models("face_landmarker.task"), tmp_path / "out.pth"
    assert call(model, "-o", out).exit_code == 2
    result = call(model, "--like", model, "-o", out)
    assert result.exit_code == 2
    assert "give --model, one of face_detector, face_landmarks_detector" in result.stderr
    for text in ("[]", '{"schema": 1, "architecture": "", "keys": {"a": {"from": 1}}}'):
        (tmp_path / "map.json").write_text(text)
        result = call(model, "--model", "face_detector", "--map", tmp_path / "map.json", "-o", out)
        assert result.exit_code == 2, result.output
        assert "map.json: " in result.stderr
    (tmp_path / "evil.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    result = call(model, "--model", "face_detector", "--like", tmp_path / "evil.pth", "-o", out)
    assert result.exit_code == 2
    assert not out.exists()


def test_maps_that_leave_something_open(models: Callable[[str], Path], tmp_path: Path) -> None:
    model, path = models("face_detection_front.tflite"), tmp_path / "map.json"
    right = tmp_path / "right.py"
    right.write_text(PORT.replace("SIDES", "(0, 1, 0, 1)"))
    first, out = tmp_path / "first.pth", tmp_path / "out.pth"
    save = ("--save-map", path)
    assert call(model, "--module", f"{right}:Detector", "-o", first, *save).exit_code == 0
    whole = json.loads(path.read_text())
    keys = list(whole["keys"])

    def changed(**facts: object) -> Result:
        path.write_text(json.dumps(whole | facts))
        return call(model, "--map", path, "-o", out)

    result = changed(keys={key: whole["keys"][key] for key in keys[1:]})
    assert result.exit_code == 1
    assert "open: stem.weight: no key of the map takes it" in result.stderr
    twice = whole["keys"] | {"r8.weight": {**whole["keys"]["r8.weight"], "from": "dead"}}
    for facts in (
        {"constants": []},
        {"keys": twice},
        {"keys": {keys[0]: {"value": 1, "shape": [1 << 30, 1 << 10], "dtype": "float32"}}},
    ):
        result = changed(**facts)
        assert result.exit_code == 2, result.output
        assert "internal" not in result.output
    assert not out.exists()
    # With the port's code, the same map is completed and the port is compared.
    path.write_text(json.dumps(whole | {"keys": {keys[0]: whole["keys"][keys[0]]}}))
    result = call(model, "--module", f"{right}:Detector", "--map", path, "-o", out)
    assert result.exit_code == 0, result.output
    assert all(torch.equal(x, read_weights(first)[k]) for k, x in read_weights(out).items())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("out.txt", "names no format"),
        ("out.npz", "format of --like"),
    ],
)
def test_the_suffix_says_the_format(tmp_path: Path, name: str, told: str) -> None:
    old, model = tmp_path / "old.pth", tmp_path / "none.tflite"
    torch.save({}, old)
    model.write_bytes(b"")
    result = call(model, "--like", old, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert told in result.stderr
    result = call(model, "--map", old, "-o", tmp_path / "out.h5")
    assert "give that with --like" in result.stderr
