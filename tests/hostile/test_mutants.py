"""Damaged files are converted or refused; nothing else ever comes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.children import Item, Verdict, judge
from tests.hostile.crafted import good_model, sparse_model
from tests.hostile.mutants import DAMAGES, Structure, mutant
from tflite2torch.converter.sources import read_sources

SEED = 2024

FROM_THE_WHEEL = (
    "face_detection_full_range_sparse.tflite",
    "face_landmark_with_attention.tflite",
    "hand_recrop.tflite",
    "selfie_segmentation.tflite",
)
"""Sparse constants, and the custom operators, among them."""


def _assert_harmless(verdicts: dict[Item, Verdict]) -> None:
    failed = {item: v.message for item, v in verdicts.items() if v.kind == "failed"}
    assert not failed
    kinds = Counter(verdict.kind for verdict in verdicts.values())
    assert kinds["converted"] > len(verdicts) / 50
    assert kinds["invalid"] > len(verdicts) / 2


def test_mutants_of_small_models(tmp_path: Path) -> None:
    paths = [tmp_path / "good.tflite", tmp_path / "sparse.tflite"]
    paths[0].write_bytes(good_model())
    paths[1].write_bytes(sparse_model())
    _assert_harmless(judge(paths, range(1000), SEED))


def test_mutants_of_a_bundle(models: Callable[[str], Path], tmp_path: Path) -> None:
    paths = []
    for file in read_sources([models("face_landmarker.task")]):
        paths.append(tmp_path / f"{file.name}.tflite")
        paths[-1].write_bytes(file.data)
    _assert_harmless(judge(paths, range(1000), SEED))


def test_mutants_of_a_wheel(wheel_models: dict[str, bytes], tmp_path: Path) -> None:
    paths = []
    for name in FROM_THE_WHEEL:
        paths.append(tmp_path / name)
        paths[-1].write_bytes(wheel_models[name])
    _assert_harmless(judge(paths, range(1000), SEED))


def test_the_same_seed_gives_the_same_mutants() -> None:
    structures = [Structure(good_model()), Structure(sparse_model())]
    found = [mutant(structures, SEED, number) for number in range(500)]
    assert found == [mutant(structures, SEED, number) for number in range(500)]
    assert found != [mutant(structures, SEED + 1, number) for number in range(500)]
    assert {one.damage for one in found} == {damage.__name__ for damage in DAMAGES}


@pytest.mark.parametrize("data", [good_model(), sparse_model()], ids=["good", "sparse"])
def test_every_cut_is_refused(data: bytes, tmp_path: Path) -> None:
    whole = tmp_path / "whole.tflite"
    whole.write_bytes(data)
    paths = []
    for size in range(0, len(data), 31):
        paths.append(tmp_path / f"{size}.tflite")
        paths[-1].write_bytes(data[:size])
    verdicts = judge([whole], [str(path) for path in paths])
    assert {verdict.kind for verdict in verdicts.values()} == {"invalid"}
