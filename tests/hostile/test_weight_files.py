"""Files of weights, maps and locks come from strangers too: each is read, or refused in a line."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from tflite2torch.converter.errors import SourceError
from tflite2torch.transfer import weight_files
from tflite2torch.transfer.lock import read_lock
from tflite2torch.transfer.mapping import read_map
from tflite2torch.transfer.weight_files import read_weights

STATE = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.bias": torch.zeros(3)}

NUMBERS = st.integers(-(2**40), 2**40) | st.floats() | st.booleans() | st.none()
JSON = st.recursive(
    NUMBERS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                "schema architecture keys keep constants from view permute shape dtype value "
                "models sha256 weights".split()
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=24,
)


def files() -> dict[str, bytes]:
    """Return small files of each format."""
    pth, npz = io.BytesIO(), io.BytesIO()
    torch.save(STATE, pth)
    np.savez(npz, **{key: x.numpy() for key, x in STATE.items()})
    return {".pth": pth.getvalue(), ".npz": npz.getvalue(), ".safetensors": save(STATE)}


FILES = files()


@pytest.mark.parametrize("suffix", FILES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_weights(suffix: str, data: st.DataObject, tmp_path_factory: Any) -> None:
    content = bytearray(FILES[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    path = tmp_path_factory.getbasetemp() / f"mutated{suffix}"
    path.write_bytes(bytes(content))
    try:
        found = read_weights(path)
    except SourceError as error:
        told = str(error)
    else:
        told = ""
        assert all(isinstance(x, torch.Tensor) for x in found.values())
    assert "\n" not in told


class Evil:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return (Path.touch, (Path("evil"),))  # type: ignore[return-value]


def test_no_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    old, npz = tmp_path / "old.pth", tmp_path / "evil.npz"
    old.write_bytes(pickle.dumps(Evil()))
    np.savez(npz, x=np.array([Evil()], dtype=object))
    new = tmp_path / "new.pth"
    torch.save({"a": Evil()}, new)
    for path in (old, npz, new):
        with pytest.raises(SourceError):
            read_weights(path)
    assert not Path("evil").exists()


def test_an_archive_that_would_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros(1 << 20, np.float32))
    assert path.stat().st_size < 1 << 16
    monkeypatch.setattr(weight_files, "MAX_BYTES", 1 << 20)
    with pytest.raises(SourceError, match="at most 1048576 are read"):
        read_weights(path)


def test_what_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "text.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.txt", "hello")
    with pytest.raises(SourceError, match="cannot be read as weights"):
        read_weights(path)


@settings(max_examples=300, deadline=None)
@given(document=JSON)
def test_any_json_for_a_map_or_a_lock(document: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document))
    for read in (read_map, read_lock):
        assert "\n" not in _refusal(read, path)


@settings(max_examples=300, deadline=None)
@given(entry=JSON)
def test_any_entry_of_a_map(entry: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "map.json"
    whole = {"schema": 1, "architecture": "x", "constants": [], "keys": {"a": entry}}
    path.write_text(json.dumps(whole))
    assert "\n" not in _refusal(read_map, path)


def _refusal(read: Callable[[Path], object], path: Path) -> str:
    """Return why a file is refused; empty where it is not."""
    try:
        read(path)
    except SourceError as error:
        return str(error)
    return ""


def test_a_header_that_declares_more_than_memory(tmp_path: Path) -> None:
    path, header = tmp_path / "large.npz", io.BytesIO()
    facts = {"descr": "<f4", "fortran_order": False, "shape": (1 << 45,)}
    np.lib.format.write_array_header_1_0(header, facts)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    with pytest.raises(SourceError, match="cannot be read as weights"):
        read_weights(path)


def test_keras_files_read_no_other_file(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path, other = tmp_path / "evil.h5", tmp_path / "other.bin"
    other.write_bytes(bytes(16))
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (4,), "f4", external=[(str(other), 0, 16)])
    with pytest.raises(SourceError, match="lies in another file"):
        read_weights(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (1 << 44,), "f4", chunks=(1024,))
    with pytest.raises(SourceError, match="at most"):
        read_weights(path)
