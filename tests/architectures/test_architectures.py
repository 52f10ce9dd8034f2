"""The checked-in source of the official face models is what the converter emits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from scripts.write_architectures import FOLDER, architecture_files
from tests.support.official import BUNDLE
from tflite2torch import architectures

SHAPES = {
    "FaceBlendshapes": ((146, 2), [(52,)]),
    "FaceDetectionBack": ((3, 256, 256), [(896, 16), (896, 1)]),
    "FaceDetectionFront": ((3, 128, 128), [(896, 16), (896, 1)]),
    "FaceDetectionFullRange": ((3, 192, 192), [(2304, 16), (2304, 1)]),
    "FaceDetectionFullRangeSparse": ((3, 192, 192), [(2304, 16), (2304, 1)]),
    "FaceDetectionShortRange": ((3, 128, 128), [(896, 16), (896, 1)]),
    "FaceDetector": ((3, 128, 128), [(896, 16), (896, 1)]),
    "FaceLandmark": ((3, 192, 192), [(1404, 1, 1), (1, 1, 1)]),
    "FaceLandmarkF16": ((3, 192, 192), [(1404, 1, 1), (1, 1, 1)]),
    "FaceLandmarkV01021": ((3, 192, 192), [(1404, 1, 1), (1, 1, 1)]),
    "FaceLandmarkWithAttention": (
        (3, 192, 192),
        [(n, 1, 1) for n in (1404, 160, 142, 142, 10, 10, 1)],
    ),
    "FaceLandmarksDetector": ((3, 256, 256), [(1434, 1, 1), (1, 1, 1), (1,)]),
    "IrisLandmark": ((3, 64, 64), [(213,), (15,)]),
}
"""What each architecture takes and gives, for one sample."""


@pytest.fixture(scope="module")
def expected(models: Callable[[str], Path], wheel: Path) -> dict[str, str]:
    return architecture_files([models(BUNDLE).parent, wheel.parent])


def test_every_file_is_up_to_date(expected: dict[str, str]) -> None:
    checked_in = {
        path.name: path.read_text("utf-8")
        for path in FOLDER.iterdir()
        if path.suffix in (".py", ".md")
    }
    stale = sorted(
        name
        for name in expected.keys() | checked_in.keys()
        if expected.get(name) != checked_in.get(name)
    )
    assert not stale, (
        f"architectures/ differs from what the converter emits in {', '.join(stale)}; "
        "look at the change, then accept it with: make architectures"
    )


def test_all_of_them_are_exported() -> None:
    assert sorted(architectures.__all__) == sorted(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_they_run_without_weights(name: str) -> None:
    shape, outputs = SHAPES[name]
    with torch.no_grad():
        given = getattr(architectures, name)()(torch.rand(2, *shape))
    given = given if isinstance(given, tuple) else (given,)
    assert [tuple(output.shape) for output in given] == [(2, *s) for s in outputs]


def test_the_page_shows_every_model_with_its_origin_and_parts(
    expected: dict[str, str],
) -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert {f"{s.splitlines()[0]}.py" for s in sections} == {
        name for name in expected if name.endswith(".py") and name != "__init__.py"
    }
    for section in sections:
        source = (FOLDER / f"{section.splitlines()[0]}.py").read_text("utf-8")
        (digest,) = re.findall(r"sha256 ([0-9a-f]{64})", source)
        assert digest in section
        diagram = section.split("```mermaid\n")[1].split("```")[0]
        model = source[source.rindex("(nn.Module)") :]
        parts = set(re.findall(r"^ +self\.(\w+) = (?!nn\.P)", model, re.MULTILINE))
        assert set(re.findall(r"(\w+)_\[", diagram)) == parts


def test_a_diagram_leaves_no_part_unconnected() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    for diagram in re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL):
        nodes = set(re.findall(r"^ +(\w+)[\[(]", diagram, re.MULTILINE))
        edges = re.findall(r"(\w+) --> (\w+)", diagram)
        sources, targets = {a for a, _ in edges}, {b for _, b in edges}
        assert nodes == sources | targets
        assert {n for n in nodes if n not in targets} == {
            n for n in nodes if n.startswith("in_")
        }
        assert {n for n in nodes if n not in sources} == {
            n for n in nodes if n.startswith("out_")
        }
