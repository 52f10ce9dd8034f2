"""MediaPipe 1.2.2 in a process of its own, photos, and the landmarker."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.threads import one_thread  # noqa: F401
from tflite2torch import FaceLandmarker

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"

Photo = NDArray[np.uint8]


@pytest.fixture(scope="session")
def task(models: Callable[[str], Path]) -> Path:
    return models("face_landmarker.task")


@pytest.fixture(scope="session")
def photo() -> Photo:
    """A portrait that is freely licensed and comes with matplotlib, 512 x 600."""
    path = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="session")
def photos(photo: Photo, task: Path) -> dict[str, Photo]:
    """The portrait, and the photos beside the models where they are there, by name."""
    found = {"portrait": photo}
    for path in sorted(task.parents[1].glob("images/*.*")):
        found[path.stem] = np.asarray(Image.open(path).convert("RGB"))
    return found


@pytest.fixture(scope="session")
def in_tasks() -> Callable[..., None]:
    """Run a script of tests/support in the environment of MediaPipe's tasks."""
    python = os.environ.get("TFLITE2TORCH_TASKS")
    if not python:
        pytest.skip("TFLITE2TORCH_TASKS names no Python with mediapipe 1.2.2; make test does")

    def run(script: str, *arguments: str | Path) -> None:
        command = [python, str(SUPPORT / script), *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not ended.returncode, ended.stderr

    return run


@pytest.fixture(scope="session")
def official(
    in_tasks: Callable[..., None], task: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Mapping[str, NDArray[Any]]]:
    """Return MediaPipe's results for cases: see tests/support/official_tasks.py."""

    def run(images: Mapping[str, Photo], cases: list[dict[str, Any]]) -> Mapping[str, NDArray[Any]]:
        folder = tmp_path_factory.mktemp("tasks")
        np.savez(folder / "images.npz", **images)
        (folder / "cases.json").write_text(json.dumps(cases))
        in_tasks("official_tasks.py", task, folder)
        with np.load(folder / "results.npz") as found:
            return dict(found)

    return run


@pytest.fixture(scope="session")
def landmarker(task: Path) -> FaceLandmarker:
    return FaceLandmarker.from_task(task, num_faces=4)
