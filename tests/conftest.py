"""Where tests find official models: a folder and a wheel that the environment names."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

MODELS = "TFLITE2TORCH_MODELS"
"""A folder with official models, at any depth."""

WHEELS = "TFLITE2TORCH_WHEELS"
"""A folder with MediaPipe's wheel, which carries 14 models; ``make test`` sets it."""

WHEEL = "mediapipe-0.10.21-*.whl"


def _folder(variable: str, wanted: str) -> Path:
    """Return the folder that a variable names; skip the test where it names none."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{wanted}: {variable} is not set")
    return Path(value).absolute()


@pytest.fixture(scope="session")
def models() -> Callable[[str], Path]:
    """Look up an official model or bundle, such as ``face_landmarker.task``.

    A test that asks for a file that is not there is skipped and says which.
    """

    def find(name: str) -> Path:
        folder = _folder(MODELS, name)
        found = sorted(folder.rglob(name))
        if not found:
            pytest.skip(f"{name}: not in {MODELS}={folder}")
        return found[0]

    return find


@pytest.fixture(scope="session")
def wheel() -> Path:
    """MediaPipe's wheel; tests that need it are skipped where it is not there."""
    folder = _folder(WHEELS, WHEEL)
    found = sorted(folder.glob(WHEEL))
    if not found:
        pytest.skip(f"{WHEEL}: not in {WHEELS}={folder}")
    return found[0]


@pytest.fixture(scope="session")
def wheel_models(wheel: Path) -> dict[str, bytes]:
    """The 14 official models of MediaPipe's wheel, by file name."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            PurePosixPath(name).name: archive.read(name)
            for name in sorted(archive.namelist())
            if name.endswith(".tflite")
        }
