"""The checked-in source of the official face models is what the converter emits."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from scripts.write_architectures import (
    FOLDER,
    Model,
    architecture_files,
    official_models,
)
from tests.support.official import BUNDLE
from tflite2torch import architectures
from tflite2torch.converter.loading import load_module

SHAPES = {
    "FaceBlendshapes": ((146, 2), [(52,)]),
    "FaceDetectionBack": ((3, 256, 256), [(896, 16), (896, 1)]),
    "FaceDetectionFullRange": ((3, 192, 192), [(2304, 16), (2304, 1)]),
    "FaceDetectionFullRangeSparse": ((3, 192, 192), [(2304, 16), (2304, 1)]),
    "FaceDetector": ((3, 128, 128), [(896, 16), (896, 1)]),
    "FaceLandmark": ((3, 192, 192), [(1404,), (1,)]),
    "FaceLandmarkWithAttention": (
        (3, 192, 192),
        [(n,) for n in (1404, 160, 142, 142, 10, 10, 1)],
    ),
    "FaceLandmarksDetector": ((3, 256, 256), [(1434,), (1,), (1,)]),
    "IrisLandmark": ((3, 64, 64), [(213,), (15,)]),
}
"""What each architecture takes and gives, for one sample."""

REGISTRY: dict[str, dict[str, str]] = json.loads((FOLDER / "registry.json").read_text("utf-8"))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small models run faster so, above all where the machine has other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def official(models: Callable[[str], Path], wheel: Path) -> list[Model]:
    return official_models([models(BUNDLE).parent, wheel.parent])


def test_every_file_is_up_to_date(official: list[Model]) -> None:
    expected = architecture_files(official)
    checked_in = {
        path.name: path.read_text("utf-8")
        for path in FOLDER.iterdir()
        if path.suffix in (".py", ".md", ".json")
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


def test_an_architecture_imports_torch_and_python_s_own_alone() -> None:
    for path in FOLDER.glob("[a-z]*.py"):
        source = path.read_text("utf-8")
        imported = re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE)
        assert set(imported) - {"typing"} == {"torch"}


def test_the_registry_names_an_architecture_that_takes_the_weights_of_the_file(
    official: list[Model],
) -> None:
    """Each of the official files loads into it, and gives what its own module gives."""
    assert {model.conversion.file.sha256 for model in official} == REGISTRY.keys()
    for model in official:
        name = REGISTRY[model.conversion.file.sha256]["class"]
        own = load_module(model.conversion)
        architecture = getattr(architectures, name)().eval()
        architecture.load_state_dict(own.state_dict())
        x = torch.rand(1, *SHAPES[name][0])
        with torch.no_grad():
            torch.testing.assert_close(architecture(x), own(x), rtol=0, atol=0)


def test_no_two_architectures_are_the_same() -> None:
    """What differs between two that are: the docstring, and the name of the class."""
    code = {
        re.sub(rf"\b{name}\b", "", inspect.getsource(inspect.getmodule(cls))).split('"""', 2)[2]
        for name, cls in vars(architectures).items()
        if name in SHAPES
    }
    assert len(code) == len(SHAPES)


def test_the_page_has_a_row_for_every_model_and_a_section_for_every_architecture() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    table, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| \[`(\w+)`\]", table, re.MULTILINE)
    assert sorted(rows) == sorted(
        (known["name"], known["origin"], known["module"]) for known in REGISTRY.values()
    )
    names = [section.splitlines()[0] for section in sections]
    assert sorted(names) == sorted({known["module"] for known in REGISTRY.values()})
    for name, section in zip(names, sections, strict=True):
        digests = re.findall(r"`([0-9a-f]{64})`", section)
        assert digests == [d for d, known in REGISTRY.items() if known["module"] == name]
        source = (FOLDER / f"{name}.py").read_text("utf-8")
        assert re.findall(r"sha256 ([0-9a-f]{64})", source) == digests[:1]
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
        assert {n for n in nodes if n not in targets} == {n for n in nodes if n.startswith("in_")}
        assert {n for n in nodes if n not in sources} == {n for n in nodes if n.startswith("out_")}
