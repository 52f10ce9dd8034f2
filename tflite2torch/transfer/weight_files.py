"""Reads and writes the weights of a module; nothing in a file is ever run.

``.pth`` and ``.pt`` are read with ``weights_only=True`` alone. ``.npz`` and Keras' ``.h5`` hold
arrays under the paths of their layers.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tflite2torch.converter.errors import MissingDependencyError, SourceError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".npz", ".h5")
"""Of files that are read. ``.bin`` and ``.ckpt`` are what some projects call a ``.pth``."""

BROKEN = (
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What readers raise on files that are damaged, or hold anything but numbers that torch has."""

MAX_BYTES = 4 << 30
"""The most bytes that the arrays of an ``.npz`` or ``.h5`` may declare."""


@dataclass(frozen=True)
class WeightFile:
    """The tensors of a file, by their keys and in its order.

    Attributes:
        path: of the file.
        tensors: what it holds.
        around: of a ``.pth`` that has its ``state_dict`` under that name, the whole; else None.
        metadata: texts in the header of a ``.safetensors``.
    """

    path: Path
    tensors: dict[str, Tensor]
    around: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] | None = None

    @property
    def suffix(self) -> str:
        """The suffix, which names the format."""
        return self.path.suffix.lower()

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> bytes:
        """Return a file of the same format and form with other tensors under the same keys."""
        if self.suffix == ".safetensors":
            from safetensors.torch import save

            metadata = None if self.metadata is None else dict(self.metadata)
            return save({key: x.contiguous() for key, x in tensors.items()}, metadata)
        stream = io.BytesIO()
        if self.suffix == ".npz":
            arrays: dict[str, Any] = {key: x.numpy() for key, x in tensors.items()}
            np.savez(stream, **arrays)
        elif self.suffix == ".h5":
            self._write_keras(stream, tensors)
        else:
            import torch

            state = type(self.tensors)(tensors)
            whole = state if self.around is None else {**self.around, "state_dict": state}
            torch.save(whole, stream)
        return stream.getvalue()

    def _write_keras(self, stream: io.BytesIO, tensors: Mapping[str, Tensor]) -> None:
        """Write a copy of the file, with its attributes, and other numbers in its arrays."""
        stream.write(self.path.read_bytes())
        with _h5py().File(stream, "r+") as file:
            for key, x in tensors.items():
                file[key][...] = x.numpy()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by their keys, in its order; see ``read_weight_file``."""
    return read_weight_file(path).tensors


def read_weight_file(path: Path) -> WeightFile:
    """Read a file of weights; a ``.pth`` may hold them under ``state_dict``.

    Raises:
        SourceError: the file cannot be read, or holds anything but tensors.
        MissingDependencyError: it is an ``.h5``, and ``h5py`` is not installed.
    """
    try:
        if path.suffix == ".safetensors":
            return WeightFile(path, *_safetensors(path))
        if path.suffix == ".npz":
            return WeightFile(path, _arrays(path))
        if path.suffix == ".h5":
            return WeightFile(path, _keras(path))
    except BROKEN as error:
        raise _unreadable(path, error) from error
    return _pickled(path)


def _safetensors(path: Path) -> tuple[dict[str, Tensor], None, dict[str, str] | None]:
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        with safe_open(path, "pt") as file:
            return load_file(path), None, file.metadata()
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _arrays(path: Path) -> dict[str, Tensor]:
    import torch

    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_BYTES:
        raise ValueError(f"its arrays have {size} bytes; at most {MAX_BYTES} are read")
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def _keras(path: Path) -> dict[str, Tensor]:
    import torch

    h5py = _h5py()
    found: dict[str, Tensor] = {}
    size = 0

    def visit(name: str, item: Any) -> None:
        nonlocal size
        if isinstance(item, h5py.Dataset):
            # Such a dataset has the bytes of any other file that it names.
            if item.external or item.is_virtual:
                raise ValueError(f"{name!a} lies in another file")
            size += item.nbytes
            if size > MAX_BYTES:
                raise ValueError(f"its arrays have {size} bytes or more; at most {MAX_BYTES}")
            found[name] = torch.from_numpy(np.asarray(item[...]))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(".h5 files need h5py: pip install h5py") from error
    return h5py


def _pickled(path: Path) -> WeightFile:
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, KeyError, EOFError) as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # pickle.UnpicklingError, which weights_only raises
        raise SourceError(
            f"{path}: it holds more than tensors, and is not read for safety; save "
            "module.state_dict()"
        ) from error
    around = None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        around, found = found, found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(x, torch.Tensor) for x in found.values()):
        raise SourceError(f"{path}: it is no state_dict; save module.state_dict()")
    return WeightFile(path, {str(key): value for key, value in found.items()}, around)


def _unreadable(path: Path, error: Exception) -> SourceError:
    told = " ".join(str(error).split())[:200]
    return SourceError(f"{path}: cannot be read as weights: {told}")
