"""Inputs are the same everywhere, within range, and a face looks like one."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.parity.inputs.face import (
    FACE_BOX,
    FACE_LANDMARKS,
    PICTURES,
    face_photo,
    read_photo,
)
from tflite2torch.parity.inputs.images import letterbox
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.reference.interpreter import Reference


def image(height: int, width: int, limits: tuple[float, float] | None = None) -> Port:
    return Port("x", 0, (3, height, width), "float32", (0, 3, 1, 2), limits)


def vector(dtype: str = "float32", limits: tuple[float, float] | None = None) -> Port:
    return Port("x", 0, (500,), dtype, (0, 1), limits)


LANDMARKS = Port("x", 0, (146, 2), "float32", (0, 1, 2))


@pytest.mark.parametrize(
    ("port", "low", "high"),
    [
        (image(16, 16), 0, 1),
        (image(16, 16, (-1, 1)), -1, 1),
        (vector(limits=(3, 5)), 3, 5),
        (vector("uint8"), 0, 255),
        (vector("bool"), 0, 1),
    ],
)
def test_random_values_fill_their_range(port: Port, low: float, high: float) -> None:
    [values] = make_samples([port], 0)[0].arrays
    assert values.dtype == port.dtype
    assert values.shape == port.tflite_shape
    numbers = values.astype(np.float64)
    margin = 0.02 * (high - low)
    assert low <= numbers.min() <= low + margin
    assert high - margin <= numbers.max() <= high


def test_values_without_a_range_are_normal() -> None:
    [values] = make_samples([vector()], 0)[0].arrays
    assert abs(float(values.mean())) < 0.15
    assert 0.85 < float(values.std()) < 1.15


def test_a_face_has_the_range_and_size_of_the_image() -> None:
    [plain] = make_samples([image(20, 40)], 0, ["face"])
    [signed] = make_samples([image(20, 40, (-1, 1))], 0, ["face"])
    assert (plain.name, signed.name) == ("face", "face")
    assert plain.arrays[0].shape == (1, 20, 40, 3)
    assert plain.arrays[0].dtype == np.float32
    np.testing.assert_allclose(signed.arrays[0], plain.arrays[0] * 2 - 1, atol=1e-6)
    np.testing.assert_array_equal(
        np.round(plain.arrays[0][0] * 255).astype(np.uint8), face_photo(40, 20)
    )


def test_the_photo_is_whole() -> None:
    [whole] = make_samples([image(600, 512)], 0, ["photo"])
    pixels = np.round(whole.arrays[0][0] * 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels, read_photo())


def test_the_face_is_bright_skin_above_dark_clothes() -> None:
    photo = face_photo(64, 64).astype(int)
    forehead, corner = photo[10:15, 26:38], photo[59:, :10]
    red, _, blue = forehead.mean((0, 1))
    assert red > blue + 30
    assert forehead.mean() > corner.mean() + 80


def test_an_input_that_is_no_face_gets_none() -> None:
    points = Port("x", 0, (145, 2), "float32", (0, 1, 2))
    for port in (vector(), points, Port("x", 0, (8, 8), "float32", (0, 1, 2))):
        assert [s.name for s in make_samples([port], 0, ("ones", *PICTURES))] == ["ones"]


def test_beside_a_face_other_inputs_are_random() -> None:
    *_, face = make_samples([vector(), LANDMARKS], 0)
    assert face.name == "face"
    assert 0.5 < float(face.arrays[0].std()) < 1.5
    assert face.arrays[1].shape == (1, 146, 2)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.cbook", None)
    with pytest.raises(MissingDependencyError, match=r"matplotlib.*pip install"):
        face_photo(8, 8)


def test_an_installation_without_sample_data_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matplotlib, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"matplotlib's grace_hopper.jpg; pip install"):
        face_photo(8, 8)


def test_the_box_is_around_the_face_that_the_detector_finds(
    models: Callable[[str], Path],
) -> None:
    pixels = read_photo()
    with zipfile.ZipFile(models("face_landmarker.task")) as bundle:
        model = bundle.read("face_detector.tflite")
    image = (letterbox(pixels, 128, 128) / 127.5 - 1).astype(np.float32)[np.newaxis]
    with Reference(model, "reference") as reference:
        found = reference.run([image])
        boxes, scores = (found[output.index][0] for output in reference.outputs)
    best = int(scores.argmax())
    assert best < 512, "an anchor of the finer grid: two at each of 16 x 16 places"
    row, column = divmod(best // 2, 16)
    height, width = pixels.shape[:2]
    scale = max(height, width) / 128
    bars = (max(height, width) - np.array([width, height])) / 2
    centre = (boxes[best, :2] + np.array([column + 0.5, row + 0.5]) * 8) * scale - bars
    half = 0.8 * boxes[best, 2:4] * scale
    # Pixels: the box is that of several anchors together, and whole pixels.
    np.testing.assert_allclose(FACE_BOX, [*(centre - half), *(centre + half)], atol=6)


def test_the_stored_landmarks_are_those_of_the_photo(
    models: Callable[[str], Path],
) -> None:
    stored = json.loads(FACE_LANDMARKS.read_text(encoding="utf-8"))
    with zipfile.ZipFile(models("face_landmarker.task")) as bundle:
        model = bundle.read("face_landmarks_detector.tflite")
    assert hashlib.sha256(model).hexdigest() == stored["model_sha256"]
    assert stored["box"] == list(FACE_BOX)
    photo = (face_photo(256, 256) / 255).astype(np.float32)[np.newaxis]
    with Reference(model, "reference") as reference:
        landmarks = reference.run([photo])[reference.outputs[0].index]
    points = landmarks.reshape(478, 3)[stored["indices"], :2]
    # Pixels: Pillow's versions round a resized photo differently.
    np.testing.assert_allclose(stored["points"], points, atol=0.05)
