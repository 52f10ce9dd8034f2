"""What models are run on: kinds of values, images, and what was saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tflite2torch.converter.errors import SourceError
from tflite2torch.parity.inputs.images import image_samples
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.inputs.samples import Sample, make_samples

NCHW = (0, 3, 1, 2)

KINDS = ("uniform", "normal", "ramp", "extremes", "zeros", "ones")


def image(limits: tuple[float, float] | None = (-1.0, 1.0)) -> Port:
    return Port("image", 0, (3, 24, 16), "float32", NCHW, limits)


def vector() -> Port:
    return Port("vector", 1, (50,), "float32", (0, 1))


def by_name(samples: list[Sample]) -> dict[str, np.ndarray]:
    return {sample.name: sample.arrays[0] for sample in samples}


def test_the_kinds_of_an_image() -> None:
    found = by_name(make_samples([image()], seed=0))
    assert tuple(found) == (*KINDS, "large", "face", "face mirrored", "photo")
    for name, values in found.items():
        assert values.shape == (1, 24, 16, 3)
        assert values.dtype == np.float32
        assert name == "large" or -1 <= values.min() <= values.max() <= 1
    assert 0.5 < found["uniform"].std() < 0.65, "1/√3 of a range of 2"
    assert 0.4 < found["normal"].std() < 0.55
    assert (np.diff(found["ramp"].reshape(-1)) > 0).all()
    assert (found["ramp"].min(), found["ramp"].max()) == (-1, 1)
    assert set(found["extremes"].reshape(-1).tolist()) == {-1, 1}
    assert set(found["zeros"].reshape(-1).tolist()) == {0}
    assert set(found["ones"].reshape(-1).tolist()) == {1}
    assert 1.9 < found["large"].std() < 2.1, "the width of the range"
    assert np.abs(found["large"]).max() > 5
    np.testing.assert_array_equal(found["face mirrored"], found["face"][:, :, ::-1])
    assert (found["face mirrored"] != found["face"]).any()


def test_an_image_of_unknown_range_is_tried_in_both() -> None:
    found = by_name(make_samples([image(None)], seed=0))
    ranges = {n: (found[n].min(), found[n].max()) for n in ("uniform", "uniform -1 to 1")}
    np.testing.assert_allclose(ranges["uniform"], (0, 1), atol=0.02)
    np.testing.assert_allclose(ranges["uniform -1 to 1"], (-1, 1), atol=0.02)


def test_patterns_may_be_chosen_and_repeated() -> None:
    samples = make_samples([vector(), vector()], 0, ("uniform", "uniform", "ramp"))
    assert [sample.name for sample in samples] == ["uniform", "uniform", "ramp"]
    arrays = {a.tobytes() for sample in samples[:2] for a in sample.arrays}
    assert len(arrays) == 4


def test_a_declared_range_is_the_range() -> None:
    found = by_name(make_samples([image((0, 255))], seed=0))
    assert set(found["extremes"].reshape(-1).tolist()) == {0, 255}
    assert found["uniform"].max() > 250
    assert found["face"].max() > 200


def test_numbers_without_a_range() -> None:
    found = by_name(make_samples([vector()], seed=0))
    assert tuple(found) == (*KINDS, "large")
    assert np.abs(found["uniform"]).max() > 1.5, "standard normal ones"
    assert set(found["extremes"].reshape(-1).tolist()) == {-1, 1}


def test_whole_numbers() -> None:
    port = Port("codes", 0, (20,), "uint8", (0, 1))
    found = by_name(make_samples([port], seed=0))
    assert tuple(found) == KINDS, "no whole number is far outside of its range"
    assert all(values.dtype == np.uint8 for values in found.values())
    assert found["ramp"].reshape(-1)[[0, -1]].tolist() == [0, 255]


def test_the_seed_decides() -> None:
    first, again, other = (make_samples([image()], seed) for seed in (1, 1, 2))
    for one, same, another in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one.arrays[0], same.arrays[0])
        random = one.name in ("uniform", "normal", "extremes", "large")
        assert (one.arrays[0] != another.arrays[0]).any() == random


def test_images_are_letterboxed_into_the_range(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (255, 0, 51)).save(tmp_path / "b.png")
    Image.new("RGB", (24, 24), (255, 255, 255)).save(tmp_path / "A.JPG")
    (tmp_path / "notes.txt").write_text("no image")
    samples = image_samples(tmp_path, [image(), vector()], seed=0)
    assert [sample.name for sample in samples] == ["A.JPG", "b.png"]
    boxed, other = samples[1].arrays
    assert boxed.shape == (1, 24, 16, 3)
    np.testing.assert_allclose(boxed[0, 12, 8], [1, -1, -0.6], atol=1e-6)
    assert (boxed[0, :4] == -1).all()
    assert (boxed[0, 20:] == -1).all()
    assert other.shape == (1, 50)


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.bmp, \.jpeg"):
        image_samples(tmp_path, [image()], seed=0)
