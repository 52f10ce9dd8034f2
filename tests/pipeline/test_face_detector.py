"""The detector beside MediaPipe's own, and its models beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

import tflite2torch
from tests.pipeline.conftest import Photo
from tests.pipeline.test_official import varied
from tflite2torch import FaceDetector

SHORT = "face_detection_short_range"


@pytest.fixture
def model(wheel_models: Mapping[str, bytes], tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(wheel_models[path.name])
        return path

    return write


def test_equal_bit_for_bit_with_the_official_network(
    photos: dict[str, Photo],
    model: Callable[[str], Path],
    in_tasks: Callable[..., None],
    tmp_path: Path,
) -> None:
    images = varied(photos)
    np.savez(tmp_path / "images.npz", **images)  # type: ignore[arg-type]
    in_tasks("official_detector.py", model(SHORT), tmp_path)
    expected = np.load(tmp_path / "results.npz")
    ours = FaceDetector.from_model(model(SHORT), networks="litert").detect(list(images.values()))
    near = FaceDetector.from_model(model(SHORT)).detect(list(images.values()))
    total = 0
    for name, found, torchs in zip(images, ours, near, strict=True):
        keypoints = expected[f"{name}/keypoints"]
        assert len(found) == len(keypoints), name
        assert (found.scores.numpy() == expected[f"{name}/scores"]).all(), name
        assert (found.keypoints.numpy() == keypoints).all(), name
        assert torch.allclose(torchs.keypoints, found.keypoints, atol=1e-4), name
        total += len(found)
    assert total > 20


@pytest.mark.parametrize("name", ["face_detection_full_range_sparse", SHORT])
def test_models_of_all_ranges_find_the_face(
    name: str, photo: Photo, model: Callable[[str], Path], task: Path
) -> None:
    [expected] = FaceDetector.from_model(task).detect([photo])
    found = FaceDetector.from_model(model(name)).detect(photo)
    assert len(found) == len(expected) == 1
    eyes = found.keypoints[0, :2] - expected.keypoints[0, :2]
    assert float(eyes.norm(dim=1).max()) < 0.02
    assert float(found.scores[0]) > 0.7


def test_a_model_that_detects_no_faces(model: Callable[[str], Path]) -> None:
    with pytest.raises(tflite2torch.SourceError, match="no files called face_det"):
        FaceDetector.from_model(model("palm_detection_lite"))
    palms = model("palm_detection_lite").rename(model(SHORT).with_name("face_detection.tflite"))
    with pytest.raises(tflite2torch.SourceError, match="no detector of faces"):
        FaceDetector.from_model(palms)
