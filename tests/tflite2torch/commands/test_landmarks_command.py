"""Tests of ``tflite2torch landmarks``: results, resumed runs and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tflite2torch import FaceLandmarker
from tflite2torch.cli import main


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a portrait, one in a subfolder without a face, and a text."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    portrait = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    with Image.open(portrait) as image:
        image.save(folder / "portrait.png")
    Image.new("RGB", (30, 20)).save(folder / "more" / "black.png")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def call(models: Callable[[str], Path], tmp_path: Path) -> Callable[..., Result]:
    task = models("face_landmarker.task")

    def run(*arguments: str | Path) -> Result:
        words = ["landmarks", "--task", task, "-o", tmp_path / "out", *arguments]
        return CliRunner().invoke(main, [str(word) for word in words])

    return run


def test_results_are_those_of_the_module(
    call: Callable[..., Result], photos: Path, tmp_path: Path, models: Callable[[str], Path]
) -> None:
    result = call(photos, "--draw")
    assert result.exit_code == 0, result.output
    assert "2 images, 1 faces found" in result.stdout
    out = tmp_path / "out"
    found = json.loads((out / "portrait.png.json").read_text())
    assert (found["width"], found["height"]) == (512, 600)
    [face] = found["faces"]
    landmarker = FaceLandmarker.from_task(models("face_landmarker.task"))
    [expected] = landmarker.detect(photos / "portrait.png")
    assert np.array_equal(np.float32(face["landmarks"]), expected.landmarks.numpy())
    assert face["blendshapes"] == expected.blendshapes
    assert face["score"] == expected.score
    assert json.loads((out / "more/black.png.json").read_text())["faces"] == []
    with Image.open(out / "portrait.png.png") as picture:
        assert picture.width > 512, "the chart stands beside the photo"
        drawn = np.asarray(picture.convert("RGB"))[:600, :512].astype(int)
    with Image.open(photos / "portrait.png") as photo:
        changed = np.abs(drawn - np.asarray(photo.convert("RGB"))).max(2) > 0
    x, y = expected.pixels[:, 0], expected.pixels[:, 1]
    inside = changed[int(y.min()) : int(y.max()), int(x.min()) : int(x.max())]
    assert inside.mean() > 0.1 > changed.mean() / 2


def test_a_broken_image_is_reported_and_the_others_are_done(
    call: Callable[..., Result], photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0nothing")
    result = call(photos, "--json")
    assert result.exit_code == 1
    assert "broken.jpg" in result.stderr
    facts = json.loads(result.stdout)
    assert (facts["images"], facts["faces"]) == (3, 1)
    [failed] = facts["failed"]
    assert failed["image"].endswith("broken.jpg")
    assert (tmp_path / "out/portrait.png.json").exists()
    assert not (tmp_path / "out/broken.jpg.json").exists()


def test_a_run_goes_on_where_it_stopped(
    call: Callable[..., Result], photos: Path, tmp_path: Path
) -> None:
    assert call(photos).exit_code == 0
    kept, gone = tmp_path / "out/portrait.png.json", tmp_path / "out/more/black.png.json"
    kept.write_text("kept")
    gone.unlink()
    result = call(photos)
    assert "1 done before" in result.stdout
    assert kept.read_text() == "kept"
    assert gone.exists()
    refused = call(photos, "--num-faces", "2")
    assert refused.exit_code == 2
    assert "made with other options" in refused.stderr
    assert call(photos, "--num-faces", "2", "--force").exit_code == 0
    assert kept.read_text() != "kept"


def test_what_is_refused_before_anything_is_written(
    call: Callable[..., Result], photos: Path, tmp_path: Path, good: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, said in [
        ([tmp_path / "none.jpg"], "does not exist"),
        ([tmp_path / "empty"], "no image in this folder"),
        ([photos, photos / "portrait.png", photos / "more" / ".." / "portrait.png"], "one name"),
        ([photos, "--num-faces", "0"], "0"),
        ([photos, "--task", good], "no face_blendshapes, face_detector"),
    ]:
        result = call(*arguments)
        assert result.exit_code == 2, said
        assert said in result.stderr
        assert not (tmp_path / "out").exists()
