"""Inputs that were saved: what fits is read, all else is one line."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tflite2torch.converter.errors import SourceError
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.inputs.saved import saved_samples


def image() -> Port:
    return Port("image", 0, (3, 24, 16), "float32", (0, 3, 1, 2))


def vector() -> Port:
    return Port("vector", 1, (50,), "float32", (0, 1))


def test_saved_arrays_are_samples_along_the_first_axis(tmp_path: Path) -> None:
    path = tmp_path / "saved.npz"
    images = np.random.default_rng(0).random((3, 24, 16, 3), np.float32)
    numbers = np.random.default_rng(1).random((3, 50), np.float32)
    np.savez(path, image=images, vector=numbers)
    samples = saved_samples(path, [image(), vector()])
    assert [sample.name for sample in samples] == [f"saved.npz {i}" for i in range(3)]
    for index, sample in enumerate(samples):
        np.testing.assert_array_equal(sample.arrays[0][0], images[index])
        np.testing.assert_array_equal(sample.arrays[1][0], numbers[index])


def test_an_input_without_a_batch_is_saved_along_a_new_axis(tmp_path: Path) -> None:
    port = Port("points", 0, (4,), "float32", (-1, 0))
    numbers = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.savez(tmp_path / "two.npz", points=numbers)
    samples = saved_samples(tmp_path / "two.npz", [port])
    assert [s.arrays[0].tolist() for s in samples] == numbers.tolist()
    np.savez(tmp_path / "one.npz", points=numbers[0])
    assert len(saved_samples(tmp_path / "one.npz", [port])) == 1


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"other": np.zeros((1, 50), np.float32)}, "no array named vector; it has"),
        ({"vector": np.zeros((1, 49), np.float32)}, r"give float32 \[1, 50\]"),
        ({"vector": np.zeros((0, 50), np.float32)}, r"give float32 \[1, 50\]"),
        ({"vector": np.zeros((1, 50))}, r"vector is float64 .*; give float32"),
    ],
)
def test_what_does_not_fit_is_told(
    tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    path = tmp_path / "saved.npz"
    np.savez(path, **arrays)
    with pytest.raises(SourceError, match=said):
        saved_samples(path, [vector()])


def test_pickled_objects_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "saved.npz"
    np.savez(path, vector=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"vector is object .*; give float32"):
        saved_samples(path, [vector()])


def test_as_many_samples_for_each_input(tmp_path: Path) -> None:
    path = tmp_path / "saved.npz"
    images = np.zeros((2, 24, 16, 3), np.float32)
    np.savez(path, image=images, vector=np.zeros((3, 50), np.float32))
    with pytest.raises(SourceError, match="different numbers of samples"):
        saved_samples(path, [image(), vector()])


def test_columns_may_come_first(tmp_path: Path) -> None:
    path = tmp_path / "saved.npz"
    images = np.random.default_rng(0).random((2, 24, 16, 3), np.float32)
    np.savez(path, image=np.asfortranarray(images))
    for index, sample in enumerate(saved_samples(path, [image()])):
        np.testing.assert_array_equal(sample.arrays[0][0], images[index])


def refusal(path: Path) -> str:
    """Return what is said of a file, which must be one line without bad advice."""
    with pytest.raises(SourceError) as caught:
        saved_samples(path, [vector()])
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert told.isprintable()
    assert "pickle" not in told
    return told


def header(shape: str, length: int | None = None) -> bytes:
    """Return the header of an array of 32-bit floats."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"
    text = text.ljust(length or len(text))
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text.encode()


def archive(path: Path, content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("vector.npy", content)
    return path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"one, two, three", b"PK\x03\x04" + bytes(100)],
    ids=["an empty file", "a text", "a zip archive that is cut off"],
)
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "saved.npz"
    path.write_bytes(content)
    assert "write one with numpy.savez" in refusal(path)


def test_a_plain_array(tmp_path: Path) -> None:
    path = tmp_path / "saved.npy"
    np.save(path, np.zeros((1, 50), np.float32))
    assert "write one with numpy.savez" in refusal(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an array in it has no header"),
        (b"nothing of the kind", "an array in it has no header"),
        (header("(1, 50)", 60_000), "an array in it has no header"),
        (header("(1, 50)"), "vector is not as long as it says"),
        (header("(1, 50)") + bytes(201), "vector is not as long as it says"),
        (header("(1_000_000_000_000,)"), "give float32 [1, 50]"),
        (header("(1_000_000_000_000, 50)"), "has 200000000000000 bytes; give at most"),
        (header("(-1, 50)"), "give float32 [1, 50]"),
    ],
)
def test_a_header_that_lies(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "saved.npz"
    archive(path, content)
    assert said in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("place", [60, 200, -40])
def test_damaged_bytes(tmp_path: Path, method: int, place: int) -> None:
    path = tmp_path / "saved.npz"
    numbers = np.random.default_rng(0).random((1, 50), np.float32)
    buffer = io.BytesIO()
    np.save(buffer, numbers)
    data = bytearray(archive(path, buffer.getvalue(), method))
    data[place] ^= 0xFF
    path.write_bytes(data)
    with suppress(SourceError):
        [sample] = saved_samples(path, [vector()])
        np.testing.assert_array_equal(sample.arrays[0], numbers)
