"""What ``import tflite2torch`` offers."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest
import torch

import tflite2torch

PUBLIC = {
    "FaceDetector",
    "FaceLandmarker",
    "InvalidModelError",
    "MissingDependencyError",
    "NotComparableError",
    "OutputError",
    "ReferenceFailedError",
    "ReferenceMissingError",
    "SourceError",
    "Tflite2TorchError",
    "UnsupportedOpError",
    "__version__",
    "compare",
    "convert",
    "load",
}


def test_the_public_names() -> None:
    assert set(tflite2torch.__all__) == PUBLIC, (
        "the public interface changed: change README.md, and PUBLIC here, with it"
    )


def test_every_error_is_one_of_the_family() -> None:
    for name in PUBLIC:
        if name.endswith("Error"):
            assert issubclass(getattr(tflite2torch, name), tflite2torch.Tflite2TorchError)


def test_convert_writes_and_tells_what(good: Path, tmp_path: Path) -> None:
    (conversion,) = tflite2torch.convert(str(good), tmp_path / "out")
    assert conversion.class_name == "Good"
    source = (tmp_path / "out" / "good.py").read_text("utf-8")
    assert source == conversion.source


def test_convert_keeps_what_exists_unless_forced(good: Path, tmp_path: Path) -> None:
    tflite2torch.convert(good, tmp_path)
    with pytest.raises(tflite2torch.OutputError, match="exists already"):
        tflite2torch.convert(good, tmp_path)
    tflite2torch.convert(good, tmp_path, format="pth", force=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "good.tflite",
        "good.py",
        "good.pth",
        "manifest.json",
    }


def test_load_gives_a_module_of_a_model(good: Path) -> None:
    module = tflite2torch.load(good)
    assert isinstance(module, torch.nn.Module)
    assert not module.training
    assert module(torch.zeros(2, 3, 4, 5)).shape == (2, 2, 4, 5)


def test_a_model_with_a_zip_behind_it_is_a_model(good_model: bytes, tmp_path: Path) -> None:
    """Official files carry label files so."""
    path = tmp_path / "labelled.tflite"
    path.write_bytes(good_model)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "face")
    assert isinstance(tflite2torch.load(path), torch.nn.Module)


def test_load_gives_modules_by_name_of_anything_else(
    good: Path, good_model: bytes, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.task"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("Inner-Model.tflite", good_model)
    for source, names in [(bundle, ["inner_model"]), (tmp_path, ["inner_model"])]:
        loaded = tflite2torch.load(source)
        assert isinstance(loaded, dict)
        assert list(loaded) == names


def test_load_gives_one_module_by_name(
    good: Path, unsupported: Path, good_model: bytes, tmp_path: Path
) -> None:
    """A model beside it that does not convert is in nobody's way."""
    assert good.parent == unsupported.parent
    assert type(tflite2torch.load(good.parent, "good")).__name__ == "Good"
    with pytest.raises(tflite2torch.SourceError, match="'bad'; there are good, unsupported"):
        tflite2torch.load(good.parent, "bad")


def test_compare_gives_one_report_by_name(good: Path, unsupported: Path) -> None:
    module = tflite2torch.load(good)
    with torch.no_grad():
        next(module.parameters()).add_(1)
    assert tflite2torch.compare(good.parent, model="good").passed
    assert not tflite2torch.compare(good.parent, module, model="good").passed


def test_load_names_what_it_lacks(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "tflite2torch.converter.loading", raising=False)
    said = r'needs torch: pip install "tflite2torch\[torch\]"$'
    with pytest.raises(tflite2torch.MissingDependencyError, match=said):
        tflite2torch.load(good)


def test_bad_input_raises_the_documented_errors(
    good_model: bytes, unsupported: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(good_model[: len(good_model) // 2])
    for source, kind in [
        (tmp_path / "missing.tflite", tflite2torch.SourceError),
        (cut, tflite2torch.InvalidModelError),
        (unsupported, tflite2torch.UnsupportedOpError),
    ]:
        with pytest.raises(kind, match=source.name):
            tflite2torch.load(source)
        with pytest.raises(kind, match=source.name):
            tflite2torch.convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("function", ["convert", "load", "compare"])
def test_an_empty_source_is_not_the_current_folder(
    good: Path, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    with pytest.raises(tflite2torch.SourceError, match="a source is empty, as an unset variable"):
        getattr(tflite2torch, function)("")
    with pytest.raises(tflite2torch.SourceError, match="is a URL; download it first"):
        getattr(tflite2torch, function)("https://example.org/good.tflite")
    assert [path.name for path in good.parent.iterdir()] == ["good.tflite"]


def test_an_empty_folder_is_not_the_current_one(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    with pytest.raises(tflite2torch.OutputError, match="write to is empty, as an unset variable"):
        tflite2torch.convert(good, "")
    assert [path.name for path in good.parent.iterdir()] == ["good.tflite"]
