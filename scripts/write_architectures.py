"""Writes ``architectures/``: the official face models, as the converter emits them.

``python scripts/write_architectures.py FOLDER…`` regenerates the folder of this checkout from
folders that hold the official files: a module for each distinct architecture, a registry of
the files that have it, and a page.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tflite2torch.converter.convert import Conversion, convert_model, draw_model
from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.sources import read_sources
from tflite2torch.converter.writer.formatting import format_source

FOLDER = Path(__file__).parent.parent / "tflite2torch" / "architectures"

RANGE = re.compile(r"^    input_range = .*\n", re.MULTILINE)
"""The class attribute that differs between files of one architecture."""

WHEEL = "mediapipe-0.10.21-*.whl"


@dataclass(frozen=True)
class Official:
    """A file of MediaPipe's.

    Attributes:
        pattern: its name.
        origin: where Google publishes it.
        models: the stems of the models in it that belong here.
    """

    pattern: str
    origin: str
    models: tuple[str, ...]


def _legacy(stem: str, tags: str) -> Official:
    return Official(f"{stem}.tflite", f"MediaPipe's git history, {tags}", (stem,))


OFFICIAL = (
    Official(
        "face_landmarker.task",
        "the bundle face_landmarker/float16/1",
        ("face_detector", "face_landmarks_detector", "face_blendshapes"),
    ),
    _legacy("face_detection_front", "v0.5.5 to v0.7.4"),
    _legacy("face_detection_back", "v0.7.5 to v0.8.4"),
    _legacy("face_detection_full_range", "v0.8.10"),
    _legacy("face_landmark", "v0.7.4 to 0.8.0"),
    _legacy("face_landmark_f16", "v0.8.8 to v0.8.10.2"),
    _legacy("iris_landmark", "every tag, and the wheel"),
    Official(
        WHEEL,
        "the wheel of MediaPipe 0.10.21",
        (
            "face_detection_short_range",
            "face_detection_full_range_sparse",
            "face_landmark",
            "face_landmark_with_attention",
        ),
    ),
)
"""The files whose models are in ``architectures/``, in their order there.

Of the models that have an architecture, the first gives it its name and its module.
"""


@dataclass(frozen=True)
class Model:
    """One official model.

    Attributes:
        origin: where Google publishes it.
        diagram: its parts, as Mermaid text.
    """

    conversion: Conversion
    origin: str
    diagram: str


def official_models(folders: Sequence[Path]) -> list[Model]:
    """Convert the official models.

    Args:
        folders: hold the official files, at any depth.

    Raises:
        SourceError: one of them is not there.
    """
    return [
        Model(
            convert_model(file),
            official.origin,
            draw_model(file),
        )
        for official in OFFICIAL
        for file in read_sources([_find(folders, official.pattern)])
        if file.name in official.models
    ]


def _find(folders: Sequence[Path], pattern: str) -> Path:
    for folder in folders:
        if matches := sorted(folder.rglob(pattern)):
            return matches[0]
    listed = ", ".join(map(str, folders))
    raise SourceError(f"{listed}: no {pattern} there; give a folder that holds it")


def architecture_files(models: Sequence[Model]) -> dict[str, str]:
    """Return the text of every file of ``architectures/``, by name."""
    architectures = _architectures(models)
    firsts = [models[0].conversion for models in architectures]
    files = {f"{models[0].conversion.name}.py": _source(models) for models in architectures}
    assert len(files) == len(firsts), "two architectures have one name"
    return {
        **files,
        "__init__.py": _package(firsts),
        "README.md": _page(architectures),
        "registry.json": json.dumps(_registry(architectures), indent=2) + "\n",
    }


def _source(models: Sequence[Model]) -> str:
    """Return the module of an architecture, without a value range that not all of them have."""
    ranges = {str(model.conversion.inputs[0]["value_range"]) for model in models}
    source = models[0].conversion.source
    return source if len(ranges) == 1 else RANGE.sub("", source)


def _architectures(models: Sequence[Model]) -> list[list[Model]]:
    """Group models whose code is the same but for docstring, class name and value range.

    The classes take no arguments, so the keys and shapes of their weights are then the same.
    """
    groups: dict[str, list[Model]] = {}
    for model in models:
        tree = ast.parse(model.conversion.source)
        code = ast.unparse(ast.Module(tree.body[1:], []))
        code = code.replace(model.conversion.class_name, "Model")
        code = RANGE.sub("", code)
        groups.setdefault(code, []).append(model)
    return list(groups.values())


def _registry(architectures: Sequence[Sequence[Model]]) -> dict[str, dict[str, Any]]:
    """Return what each official file is and which architecture it has, by its sha256."""
    return {
        model.conversion.file.sha256: {
            "name": model.conversion.name,
            "origin": model.origin,
            "module": models[0].conversion.name,
            "class": models[0].conversion.class_name,
            "input_range": model.conversion.inputs[0]["value_range"],
        }
        for models in architectures
        for model in models
    }


def _package(firsts: Sequence[Conversion]) -> str:
    imports = [
        f"from tflite2torch.architectures.{c.name} import {c.class_name}"
        for c in sorted(firsts, key=lambda conversion: conversion.name)
    ]
    exported = ", ".join(f'"{name}"' for name in sorted(c.class_name for c in firsts))
    docstring = (
        '"""The architectures of the official face models, as tflite2torch emits them.\n\n'
        "Generated by ``make architectures``; do not edit. ``registry.json`` says which official\n"
        'files have each; their weights come from ``convert``.\n"""'
    )
    return format_source("\n".join([docstring, "", *imports, "", f"__all__ = [{exported}]"]))


def _page(architectures: Sequence[Sequence[Model]]) -> str:
    """Return the README: a table of the models, and a section for each architecture."""
    lines = [
        "# Official face models",
        "",
        "As tflite2torch emits them: one module for each distinct architecture. Models that have",
        "the same one differ in their weights, which come from `tflite2torch convert`.",
        "[registry.json](registry.json) names the architecture of an official file by its sha256.",
        "The modules import only `torch`. `make architectures` regenerates this folder, this page",
        "included, and a test fails where it is edited. The models are Google's, under Apache-2.0.",
        "What stands below an architecture for an input or output are its labels: names of columns",
        "or of indices, and numbers of the points of the face mesh that it consists of.",
        "",
        "| model | from | architecture | output | lines | parameters |",
        "| --- | --- | --- | --- | --: | --: |",
    ]
    for models in architectures:
        name, source = models[0].conversion.name, models[0].conversion.source
        lines += [
            f"| `{model.conversion.name}` | {model.origin} | [`{name}`](#{name}) "
            f"| {model.conversion.metadata.title} | {len(source.splitlines())} "
            f"| {model.conversion.parameters:,} |"
            for model in models
        ]
    return "\n".join([*lines, *(line for a in architectures for line in _section(a))]) + "\n"


def _section(models: Sequence[Model]) -> list[str]:
    name = models[0].conversion.name
    title = models[0].conversion.metadata.title
    lines = ["", f"## {name}", "", f"{title} [Source]({name}.py).", ""]
    for model in models:
        file = model.conversion.file
        label = file.label.rpartition("/")[2]
        lines += [f"- `{label}` from {model.origin}: sha256", f"  `{file.sha256}`"]
    conversion = models[0].conversion
    for entry in (*conversion.inputs, *conversion.outputs):
        if entry["labels"]:
            text = f"`{entry['identifier']}`: {', '.join(entry['labels'])}."
            lines += ["", *textwrap.wrap(text, 100, break_on_hyphens=False)]
    return [*lines, "", "```mermaid", models[0].diagram.rstrip(), "```"]


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def main(folders: tuple[Path, ...]) -> None:
    """Regenerate ``architectures/`` from the official files in FOLDERS."""
    files = architecture_files(official_models(folders))
    for path in FOLDER.iterdir():
        if path.is_file() and path.name not in files:
            path.unlink()
            click.echo(f"removed {FOLDER.name}/{path.name}")
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        click.echo(f"wrote {FOLDER.name}/{name}")


if __name__ == "__main__":
    main()
