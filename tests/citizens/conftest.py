"""The official models, each loaded once for all of these tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.citizens.official import Official
from tests.support.threads import one_thread  # noqa: F401
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.sources import read_sources

BUNDLE = "face_landmarker.task"
MODELS = {
    "bundle": "face_detector face_landmarks_detector face_blendshapes".split(),
    # The iris_landmark among them is the wheel's.
    "legacy": [
        *"face_detection_back face_detection_front face_detection_full_range".split(),
        *"face_landmark face_landmark_f16".split(),
    ],
    "wheel": [
        *"face_detection_full_range_sparse face_detection_short_range".split(),
        *"face_landmark face_landmark_with_attention hand_landmark_full".split(),
        *"hand_landmark_lite hand_recrop iris_landmark palm_detection_full".split(),
        *"palm_detection_lite pose_detection pose_landmark_full".split(),
        *"selfie_segmentation selfie_segmentation_landscape".split(),
    ],
}
"""Official models by where they come from: the bundle, a folder, MediaPipe's wheel."""


@pytest.fixture(
    scope="session",
    params=[f"{origin}/{name}" for origin, names in MODELS.items() for name in names],
)
def official(request: pytest.FixtureRequest, models: Callable[[str], Path]) -> Official:
    """Each of the official models in turn; skipped where its file is not there."""
    origin, name = request.param.split("/")
    if origin == "wheel":
        data = request.getfixturevalue("wheel_models")[f"{name}.tflite"]
        file = ModelFile(name, f"{name}.tflite", data)
    else:
        source = models(BUNDLE if origin == "bundle" else f"{name}.tflite")
        file = next(f for f in read_sources([source]) if f.name == name)
    return Official.load(convert_model(file))
