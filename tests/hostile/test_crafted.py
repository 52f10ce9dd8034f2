"""Every crafted file is converted, or refused for the reason that it was made for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile import crafted_graphs, crafted_operators, crafted_sparsity
from tests.hostile.bombs import BOMBS
from tests.hostile.bundles import BUNDLES
from tests.hostile.children import Verdict, judge
from tests.hostile.crafted import CASES, good_model, sparse_model

MODULES = (crafted_graphs, crafted_operators, crafted_sparsity)
"""Importing them fills CASES."""

EXPECTED: dict[str, str | None] = {
    **{case.name: case.refusal for case in CASES},
    **{name: refusal for name, (_, refusal) in BOMBS.items()},
    **{name: refusal for name, (_, refusal) in BUNDLES.items()},
}


def _files() -> dict[str, Callable[[], bytes]]:
    """Return what makes each file, by its name."""
    models = {f"{case.name}.tflite": case.data for case in CASES}
    bombs = {f"{name}.tflite": make for name, (make, _) in BOMBS.items()}
    bundles = {f"{name}.task": make for name, (make, _) in BUNDLES.items()}
    return models | bombs | bundles


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """What came of each file, by the name of its case."""
    folder = tmp_path_factory.mktemp("crafted")
    good = [folder / "good.tflite", folder / "sparse.tflite"]
    good[0].write_bytes(good_model())
    good[1].write_bytes(sparse_model())
    paths = []
    for name, make in _files().items():
        path = folder / name
        path.write_bytes(make())
        paths.append(str(path))
    return {Path(str(path)).stem: found for path, found in judge(good, paths).items()}


def test_no_name_is_used_twice() -> None:
    assert len(EXPECTED) == len(CASES) + len(BOMBS) + len(BUNDLES) == len(_files())


@pytest.mark.parametrize("name", EXPECTED)
def test_verdict(name: str, verdicts: dict[str, Verdict]) -> None:
    verdict, refusal = verdicts[name], EXPECTED[name]
    if refusal is None:
        assert verdict == Verdict("converted", "")
    else:
        assert verdict.kind in ("invalid", "unsupported"), verdict.message
        assert re.search(refusal, verdict.message)
