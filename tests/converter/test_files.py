"""Several conversions into one folder: its manifest keeps them all, and no old file stays."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.networks import Network
from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.existing_manifest import MAX_MANIFEST
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.version import __version__
from tflite2torch.converter.writer.weights import WeightsFormat


def conversion(name: str) -> Conversion:
    """Return a model of one layer, under a name."""
    network = Network()
    data = network.build([network.conv(network.input((1, 4, 5, 3)), 3, 2)])
    return convert_model(ModelFile(name, f"{name}.tflite", data))


@pytest.fixture(scope="module")
def first() -> Conversion:
    return conversion("first")


@pytest.fixture(scope="module")
def second() -> Conversion:
    return conversion("second")


def write(
    model: Conversion, out: Path, format: WeightsFormat = "safetensors", *, force: bool = False
) -> None:
    write_conversions([model], out, format, "float32", force)


def manifest(out: Path) -> dict[str, Any]:
    models: dict[str, Any] = json.loads((out / "manifest.json").read_text("utf-8"))["models"]
    return models


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


FIRST = {"first.py", "first.safetensors", "manifest.json"}


def test_a_second_model_is_added(first: Conversion, second: Conversion, tmp_path: Path) -> None:
    write(first, tmp_path)
    before = manifest(tmp_path)["first"]
    write(second, tmp_path)
    assert manifest(tmp_path)["first"] == before
    assert manifest(tmp_path)["second"]["sha256"] == second.file.sha256
    assert names(tmp_path) == FIRST | {"second.py", "second.safetensors"}


def test_a_model_says_which_version_wrote_it(
    first: Conversion, second: Conversion, tmp_path: Path
) -> None:
    write(first, tmp_path)
    path = tmp_path / "manifest.json"
    document = json.loads(path.read_text("utf-8"))
    document["generator"] = "tflite2torch 0.0.1"
    del document["models"]["first"]["generator"]  # as that version wrote it
    path.write_text(json.dumps(document))
    write(second, tmp_path)
    found = {name: entry["generator"] for name, entry in manifest(tmp_path).items()}
    assert found == {"first": "tflite2torch 0.0.1", "second": f"tflite2torch {__version__}"}


def test_a_model_is_replaced_by_force_and_its_old_files_go(
    first: Conversion, second: Conversion, tmp_path: Path
) -> None:
    write(first, tmp_path, "pth")
    write(second, tmp_path, "pth")
    with pytest.raises(OutputError, match=r"first\.py: exists already; add --force"):
        write(first, tmp_path)
    write(first, tmp_path, force=True)
    assert names(tmp_path) == FIRST | {"second.py", "second.pth"}
    assert manifest(tmp_path)["first"]["weights"] == "first.safetensors"
    assert manifest(tmp_path)["second"]["weights"] == "second.pth"


def test_a_model_whose_files_have_gone_is_still_listed(first: Conversion, tmp_path: Path) -> None:
    write(first, tmp_path)
    for name in FIRST - {"manifest.json"}:
        (tmp_path / name).unlink()
    with pytest.raises(OutputError, match=r"manifest\.json: lists first already; add --force"):
        write(first, tmp_path)
    assert names(tmp_path) == {"manifest.json"}
    write(first, tmp_path, force=True)
    assert names(tmp_path) == FIRST


def test_what_is_not_listed_stays(first: Conversion, tmp_path: Path) -> None:
    write(first, tmp_path)
    (tmp_path / "first.pth").write_text("somebody else's")
    write(first, tmp_path, force=True)
    assert names(tmp_path) == FIRST | {"first.pth"}


@pytest.mark.parametrize("listed", ["../first.pth", "notes.txt", "second.pth", ["first.pth"], 7])
def test_a_manifest_that_lists_what_is_not_the_model_s(
    first: Conversion, tmp_path: Path, listed: object
) -> None:
    out = tmp_path / "out"
    write(first, out)
    kept = [tmp_path / "first.pth", out / "notes.txt", out / "second.pth"]
    for path in kept:
        path.write_text("kept")
    document = json.loads((out / "manifest.json").read_text("utf-8"))
    document["models"]["first"]["weights"] = listed
    (out / "manifest.json").write_text(json.dumps(document))
    write(first, out, force=True)
    assert all(path.read_text() == "kept" for path in kept)
    assert manifest(out)["first"]["weights"] == "first.safetensors"


OURS = '{"generator": "tflite2torch 1", "models": {"a": {%s}}}'
FOREIGN = {
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "of a browser extension": b'{"manifest_version": 3, "name": "mine"}',
    "without models": b'{"generator": "tflite2torch 1"}',
    "with other models": b'{"generator": "tflite2torch 1", "models": {"a": 7}}',
    "with an endless number": (OURS % '"x": 1e999').encode(),
    "deep": b"[" * 100_000,
    "huge": b" " * (MAX_MANIFEST + 1),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_manifest_that_is_not_ours(first: Conversion, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(OutputError, match=r"manifest\.json: is no manifest .*; move it away, add"):
        write(first, tmp_path)
    assert path.read_bytes() == FOREIGN[kind]
    assert names(tmp_path) == {"manifest.json"}
    write(first, tmp_path, force=True)
    assert list(manifest(tmp_path)) == ["first"]


def test_a_manifest_that_is_a_pipe_or_a_link(first: Conversion, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    write(first, other)
    kept = (other / "manifest.json").read_bytes()
    out.mkdir()
    (out / "manifest.json").symlink_to(other / "manifest.json")
    with pytest.raises(OutputError, match="it is no regular file"):
        write(first, out)
    write(first, out, force=True)
    assert (other / "manifest.json").read_bytes() == kept
    assert not (out / "manifest.json").is_symlink()
    (out / "manifest.json").unlink()
    os.mkfifo(out / "manifest.json")
    with pytest.raises(OutputError, match="is no regular file"):
        write(first, out, force=True)
