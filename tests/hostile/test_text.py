"""Text of a file never becomes code, nor a path: tensors' names, descriptions, entries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

import tflite2torch
from tests.hostile.bundles import Archive, Entry
from tests.hostile.crafted import good_model, unpacked
from tests.support.models import packed_model

CANARY = "open('canary','w').close()"

TEXTS = {
    "closes the docstring": f'"""\n{CANARY}\n"""',
    "closes a single quote": f"'''\n{CANARY}\n'''",
    "ends the comment": f"x\n{CANARY}\n#",
    "other line ends": f"x\r{CANARY}\x0c{CANARY}\x85{CANARY}\u2028{CANARY}",
    "escapes the escape": f'\\"""\n{CANARY}\n\\"""',
    "ends on a backslash": "x\\",
    "is an expression": f"__import__('os').system(\"{CANARY}\")",
    "is a format": "{0.__class__} %s %(x)s {self}",
    "is an f-string": "{" + CANARY + "}",
    "is a path": "../../../tmp/canary",
    "is hidden": "\u202e\u2066\x1b[2J\x1b]0;title\x07\0",
    "is a keyword": "class",
    "shadows": "self",
    "shadows torch": "torch",
    "is long": "x" * 100_000,
    "is dunder": "__class__",
    "declares an encoding": "-*- coding: rot13 -*-",
    "speaks to the linter": "noqa: type: ignore",
}


def _named(text: str) -> bytes:
    """Return the good model with this text wherever it can have one."""
    model = unpacked(good_model())
    model.description = text
    for tensor in model.subgraphs[0].tensors:
        tensor.name = text
    model.subgraphs[0].name = text
    model.metadata = [schema.MetadataT(name=text)]
    return packed_model(model)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_does_not_become_code(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source, out = tmp_path / "model.tflite", tmp_path / "out"
    source.write_bytes(_named(text))
    tflite2torch.convert(source, out)
    tflite2torch.load(source)  # runs what has been written
    assert not list(tmp_path.rglob("canary*"))
    emitted = (out / "model.py").read_text()
    assert emitted.isascii()
    assert max(len(line) for line in emitted.splitlines()) <= 100


ENTRIES = [
    b"a b;c$(touch canary).tflite",
    b"`touch canary`.tflite",
    b"-rf.tflite",
    b"%2e%2e%2fcanary.tflite",
    b"...tflite",
    b"folder/.tflite",
    "\u202eetilft.tflite".encode(),
    b"con.tflite",
    b"__init__.tflite",
    b"torch.tflite",
    b"manifest.tflite",
]


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_stay_in_the_folder(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, source = tmp_path / "folder" / "out", tmp_path / "bundle.task"
    monkeypatch.chdir(tmp_path)
    source.write_bytes(Archive((Entry(name=name),)).data())
    (conversion,) = tflite2torch.convert(source, folder)
    files: Any = [p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()]
    inside = {
        f"{conversion.name}.py",
        f"{conversion.name}.safetensors",
        "manifest.json",
    }
    assert {str(path) for path in files} == {
        "bundle.task",
        *(f"folder/out/{file}" for file in inside),
    }
