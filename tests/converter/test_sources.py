"""Where models come from: files, bundles, wheels, folders."""

from __future__ import annotations

import errno
import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tflite2torch.converter.errors import InvalidModelError, SourceError
from tflite2torch.converter.frontends.file import ModelFile, module_name, printable
from tflite2torch.converter.sources import read_sources


def model(number: int = 0) -> bytes:
    """Return what begins like a model; sources look no further."""
    return b"\x1c\0\0\0TFL3" + bytes([number]) * 24


def bundle(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(f"{name}.tflite", data)
    return path


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "Face-Landmarker v2.tflite"
    path.write_bytes(model())
    (file,) = read_sources([path])
    assert file == ModelFile("face_landmarker_v2", path.name, model())
    assert file.sha256 == hashlib.sha256(model()).hexdigest()


def test_bundle(tmp_path: Path) -> None:
    path = bundle(tmp_path / "all.task", first=model(1), second=model(2))
    first, second = read_sources([str(path)])
    assert first == ModelFile("first", "all.task/first.tflite", model(1))
    assert second == ModelFile("second", "all.task/second.tflite", model(2))


def test_wheel_with_a_bundle_deep_inside(tmp_path: Path) -> None:
    inner = bundle(tmp_path / "inner.task", hand=model()).read_bytes()
    with zipfile.ZipFile(tmp_path / "a-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a/__init__.py", "")
        wheel.writestr("a/models/gesture.task", inner)
    (file,) = read_sources([tmp_path / "a-1.0-py3-none-any.whl"])
    assert file.name == "hand"
    assert file.label == "a-1.0-py3-none-any.whl/gesture.task/hand.tflite"


def test_folder_is_searched_in_order(tmp_path: Path) -> None:
    for number, name in enumerate(["b.tflite", "a/z.tflite", "a.txt", "c.TFLITE"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(model(number))
    bundle(tmp_path / "d.task", inside=model(9))
    names = [file.name for file in read_sources([tmp_path])]
    assert names == ["b", "c", "inside", "z"]


def test_content_counts_and_not_the_extension(tmp_path: Path) -> None:
    bundle(tmp_path / "bundle.tflite", inside=model())
    (tmp_path / "model.task").write_bytes(model(1))
    (tmp_path / "model.bin").write_bytes(model(2))
    names = ["bundle.tflite", "model.task", "model.bin"]
    files = list(read_sources([tmp_path / name for name in names]))
    assert [file.data for file in files] == [model(), model(1), model(2)]


def test_model_with_files_appended_is_a_model(tmp_path: Path) -> None:
    """So TFLite's metadata tools attach labels: as a zip behind the FlatBuffer."""
    path = tmp_path / "labelled.tflite"
    path.write_bytes(model())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "face")
    (file,) = read_sources([path])
    assert file.data == path.read_bytes()


def test_same_model_comes_once(tmp_path: Path) -> None:
    for name in ("a.tflite", "b.tflite"):
        (tmp_path / name).write_bytes(model())
    files = list(read_sources([tmp_path, tmp_path / "a.tflite"]))
    assert [file.name for file in files] == ["a"]


def test_different_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for number, name in enumerate(["x/face.tflite", "y/Face.tflite", "z/face_.tflite"]):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(model(number))
    files = list(read_sources([tmp_path]))
    digests = [hashlib.sha256(model(number)).hexdigest()[:8] for number in range(3)]
    assert [file.name for file in files] == [
        "face",
        f"face_{digests[1]}",
        f"face_{digests[2]}",
    ]


def test_a_file_may_have_the_name_that_another_one_would_get(tmp_path: Path) -> None:
    digest = hashlib.sha256(model(1)).hexdigest()
    names = [f"a/face_{digest[:8]}.tflite", "b/face.tflite", "c/face.tflite"]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(model((0, 2, 1)[number]))
    assert [file.name for file in read_sources([tmp_path])] == [
        f"face_{digest[:8]}",
        "face",
        f"face_{digest[:9]}",
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("face_detector", "face_detector"),
        ("Face-Landmarker v2", "face_landmarker_v2"),
        ("__init__", "init"),
        ("3d", "model_3d"),
        ("", "model"),
        ("...", "model"),
        ("模型", "model"),
        ("class", "model_class"),
        ("torch", "model_torch"),
        ("random", "model_random"),
        ("a" * 100, "a" * 64),
        ("9" * 100, "model_" + "9" * 58),
        ("x'; import os; '", "x_import_os"),
        ("../../etc/passwd", "etc_passwd"),
        ("\u0130\u212a", "i_k"),
    ],
)
def test_module_name(text: str, name: str) -> None:
    assert module_name(text) == name


def test_printable() -> None:
    assert printable("face.tflite") == "face.tflite"
    assert printable("modèle") == "modèle"
    assert printable("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert printable("x" * 200) == "x" * 99 + "…"


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a PNG image"),
        (b"\xff\xd8\xff\xe0" + bytes(30), "a JPEG image"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x1f\x8b\x08" + bytes(30), "a gzip archive"),
        (bytes(64), "it lacks the identifier TFL3"),
        (b"x", "it lacks the identifier TFL3"),
        (b"", "the file is empty"),
    ],
)
@pytest.mark.parametrize("extension", ["tflite", "task", "png"])
def test_says_what_a_file_looks_like(
    data: bytes, looks: str, extension: str, tmp_path: Path
) -> None:
    path = tmp_path / f"file.{extension}"
    path.write_bytes(data)
    if extension == "task" and "lacks" in looks:
        looks = "its end is missing"
    with pytest.raises(InvalidModelError, match=f"^file.{extension}: .*{looks}"):
        list(read_sources([path]))


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.tflite: cannot be read: No such file"):
        list(read_sources([tmp_path / "gone.tflite"]))


def test_folder_without_models(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(SourceError, match=r"no \.tflite, \.task, \.whl file"):
        list(read_sources([tmp_path]))


def test_neither_file_nor_folder(tmp_path: Path) -> None:
    """A pipe would be read for ever."""
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        list(read_sources([tmp_path]))


def test_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = tmp_path / "secret.tflite"
    path.write_bytes(model())
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match="cannot be read: Permission denied; check"):
        list(read_sources([path]))


def test_models_are_read_one_after_the_other(tmp_path: Path) -> None:
    """What comes first is there before what comes next is looked at."""
    (tmp_path / "a.tflite").write_bytes(model())
    (tmp_path / "b.tflite").write_bytes(b"")
    files = read_sources([tmp_path])
    assert next(files).name == "a"
    with pytest.raises(InvalidModelError, match=r"^b\.tflite: the file is empty"):
        next(files)


def test_official_bundle(models: Callable[[str], Path]) -> None:
    """It begins with two zeros, not as a zip archive does."""
    files = list(read_sources([models("face_landmarker.task")]))
    assert [(file.name, len(file.data)) for file in files] == [
        ("face_detector", 229_746),
        ("face_landmarks_detector", 2_553_590),
        ("face_blendshapes", 955_312),
    ]


def test_official_wheel(wheel: Path, wheel_models: dict[str, bytes]) -> None:
    files = {f"{file.name}.tflite": file.data for file in read_sources([wheel])}
    assert files == wheel_models
    assert len(files) == 14


@pytest.mark.parametrize(
    ("label", "origin"),
    [
        ("m-1.2-cp311-cp311-linux_x86_64.whl/a-b-c-d.tflite", "m-1.2/a-b-c-d.tflite"),
        ("m-1.2-1-py3-none-any.whl/x.tflite", "m-1.2/x.tflite"),
        ("face.task/x.tflite", "face.task/x.tflite"),
    ],
)
def test_documentation_names_a_wheel_without_its_platforms(label: str, origin: str) -> None:
    assert ModelFile("x", label, b"").origin == origin
