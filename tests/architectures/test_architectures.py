"""The checked-in source of the official models is what the converter emits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import architectures
from architectures import FaceBlendshapes, FaceDetector, FaceLandmarksDetector
from tests.support.official import BUNDLE
from tflite2torch.architectures import FOLDER, architecture_files


def test_every_file_is_up_to_date(models: Callable[[str], Path]) -> None:
    expected = architecture_files(models(BUNDLE).parent)
    checked_in = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.py")}
    stale = sorted(
        name
        for name in expected.keys() | checked_in.keys()
        if expected.get(name) != checked_in.get(name)
    )
    assert not stale, (
        f"architectures/ differs from what the converter emits in {', '.join(stale)}; "
        "look at the change, then accept it with: make architectures"
    )


@pytest.mark.parametrize(
    ("model", "shape", "outputs"),
    [
        (FaceDetector, (3, 128, 128), [(896, 16), (896, 1)]),
        (FaceLandmarksDetector, (3, 256, 256), [(1434, 1, 1), (1, 1, 1), (1,)]),
        (FaceBlendshapes, (146, 2), [(52,)]),
    ],
)
def test_they_run_without_weights(
    model: type[torch.nn.Module],
    shape: tuple[int, ...],
    outputs: list[tuple[int, ...]],
) -> None:
    with torch.no_grad():
        given = model()(torch.rand(2, *shape))
    given = given if isinstance(given, tuple) else (given,)
    assert [tuple(output.shape) for output in given] == [(2, *s) for s in outputs]


def test_all_of_them_are_exported() -> None:
    for name in architectures.__all__:
        assert issubclass(getattr(architectures, name), torch.nn.Module)
