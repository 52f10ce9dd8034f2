"""Writes ``architectures/``: the source of the official face models, as the converter emits it.

``python scripts/write_architectures.py FOLDER…`` regenerates the folder of this checkout from
folders that hold the official files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from tflite2torch.converter.convert import Conversion, convert_model, draw_model
from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.frontends.file import ModelFile, module_name
from tflite2torch.converter.sources import read_sources
from tflite2torch.converter.writer.formatting import format_source

FOLDER = Path(__file__).parent.parent / "tflite2torch" / "architectures"

WHEEL = "mediapipe-0.10.21-*.whl"


@dataclass(frozen=True)
class Official:
    """A file of MediaPipe's.

    Attributes:
        pattern: its name.
        origin: where Google publishes it.
        version: what is added to the names of its models where older ones have them.
        models: what each model in it that belongs here is, by the file's stem.
    """

    pattern: str
    origin: str
    models: dict[str, str]
    version: str = ""


def _legacy(stem: str, tags: str, text: str) -> Official:
    return Official(f"{stem}.tflite", f"MediaPipe's git history, {tags}", {stem: text})


OFFICIAL = (
    Official(
        "face_landmarker.task",
        "the bundle face_landmarker/float16/1",
        {
            "face_detector": "BlazeFace: boxes and six keypoints of near faces.",
            "face_landmarks_detector": "478 landmarks of a face, irises among them, and "
            "whether there is a face and a tongue.",
            "face_blendshapes": "52 expression weights from 146 landmarks: an MLP-Mixer.",
        },
    ),
    _legacy(
        "face_detection_front",
        "v0.5.5 to v0.7.4",
        "BlazeFace in float32, the first release of face_detector's weights.",
    ),
    _legacy(
        "face_detection_back",
        "v0.7.5 to v0.8.4",
        "BlazeFace for rear cameras: smaller faces, a larger image.",
    ),
    _legacy(
        "face_detection_full_range",
        "v0.8.10",
        "Faces up to some metres away: BlazeFace's double blocks and a feature pyramid.",
    ),
    _legacy(
        "face_landmark",
        "v0.7.4 to 0.8.0",
        "468 landmarks of a face, and whether there is one; weights in float32.",
    ),
    _legacy(
        "face_landmark_f16",
        "v0.8.8 to v0.8.10.2",
        "468 landmarks of a face, and whether there is one; weights in float16.",
    ),
    _legacy(
        "iris_landmark",
        "every tag, and the wheel",
        "Contours of an eye and its brow, 71 landmarks, and five of the iris.",
    ),
    Official(
        WHEEL,
        "the wheel of MediaPipe 0.10.21",
        {
            "face_detection_short_range": "face_detector, under its older name.",
            "face_detection_full_range_sparse": "Faces up to some metres away, with sparse "
            "weights; the pyramid's heads read blocks of pixels.",
            "face_landmark": "468 landmarks of a face, and whether there is one.",
            "face_landmark_with_attention": "468 landmarks of a face, and finer ones of "
            "lips, eyes and irises, each from features cropped around it.",
        },
        version="0.10.21",
    ),
)
"""The files whose models are in ``architectures/``, in their order there."""


@dataclass(frozen=True)
class Architecture:
    """One model of ``architectures/``."""

    conversion: Conversion
    text: str
    origin: str
    diagram: str


def architecture_files(folders: Sequence[Path]) -> dict[str, str]:
    """Return the text of every file of ``architectures/``, by name.

    Args:
        folders: hold the official files, at any depth.

    Raises:
        SourceError: one of them is not there.
    """
    found = _architectures(folders)
    files = {f"{a.conversion.name}.py": a.conversion.source for a in found}
    conversions = [architecture.conversion for architecture in found]
    return {**files, "__init__.py": _package(conversions), "README.md": _page(found)}


def _architectures(folders: Sequence[Path]) -> list[Architecture]:
    found: dict[str, Architecture] = {}
    for official in OFFICIAL:
        for file in read_sources([_find(folders, official.pattern)]):
            text = official.models.get(file.name)
            if text is not None:
                file = _named(file, official, found)
                found[file.name] = Architecture(
                    convert_model(file), text, official.origin, draw_model(file)
                )
    return list(found.values())


def _find(folders: Sequence[Path], pattern: str) -> Path:
    for folder in folders:
        if matches := sorted(folder.rglob(pattern)):
            return matches[0]
    listed = ", ".join(map(str, folders))
    raise SourceError(f"{listed}: no {pattern} there; give a folder that holds it")


def _named(
    file: ModelFile, official: Official, found: dict[str, Architecture]
) -> ModelFile:
    """Return a model under a name that no other one has: its own, or with its version."""
    if file.name not in found:
        return file
    return replace(file, name=module_name(f"{file.name}_v{official.version}"))


def _package(conversions: Sequence[Conversion]) -> str:
    ordered = sorted(conversions, key=lambda conversion: conversion.name)
    imports = [
        f"from tflite2torch.architectures.{c.name} import {c.class_name}"
        for c in ordered
    ]
    exported = ", ".join(f'"{name}"' for name in sorted(c.class_name for c in ordered))
    docstring = (
        '"""The official face models, as tflite2torch emits them.\n\n'
        'Generated by ``make architectures``; do not edit. Weights come from ``convert``.\n"""'
    )
    return format_source(
        "\n".join([docstring, "", *imports, "", f"__all__ = [{exported}]"])
    )


def _page(found: Sequence[Architecture]) -> str:
    """Return the README: a table of the models, and a section for each."""
    lines = [
        "# Official face models",
        "",
        "As tflite2torch emits them; `make architectures` regenerates this folder, this page",
        "included, and a test sees to it that nobody edits it. The modules import only",
        "`torch`; their weights come from `tflite2torch convert`. The models are Google's,",
        "under Apache-2.0.",
        "",
        "| model | what it gives | lines | parameters |",
        "| --- | --- | --: | --: |",
    ]
    for architecture in found:
        conversion = architecture.conversion
        lines.append(
            f"| [`{conversion.name}`](#{conversion.name}) | {architecture.text} "
            f"| {len(conversion.source.splitlines())} | {conversion.parameters:,} |"
        )
    return "\n".join([*lines, *(line for a in found for line in _section(a))]) + "\n"


def _section(architecture: Architecture) -> list[str]:
    conversion = architecture.conversion
    name, file = conversion.name, conversion.file.label.rpartition("/")[2]
    return [
        "",
        f"## {name}",
        "",
        f"{architecture.text} [Source]({name}.py).",
        "",
        f"From {architecture.origin}: `{file}`, sha256",
        f"`{conversion.file.sha256}`.",
        "",
        "```mermaid",
        architecture.diagram.rstrip(),
        "```",
    ]


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)
def main(folders: tuple[Path, ...]) -> None:
    """Regenerate ``architectures/`` from the official files in FOLDERS."""
    for name, text in architecture_files(folders).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        click.echo(f"wrote {FOLDER.name}/{name}")


if __name__ == "__main__":
    main()
