"""Reads the weights of a module from a file; nothing in it is ever run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tflite2torch.converter.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a ``.safetensors`` or ``.pth`` file by their keys, in its order.

    A ``.pth`` is read with ``weights_only=True``; its ``state_dict`` may be the file itself or lie
    under that name.

    Raises:
        SourceError: the file cannot be read, or holds anything but tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, EOFError) as error:
        told = " ".join(str(error).split())[:200]
        raise SourceError(f"{path}: cannot be read as weights: {told}") from error
    except Exception as error:  # pickle.UnpicklingError, which weights_only raises
        raise SourceError(
            f"{path}: it holds more than tensors, and is not read for safety; save "
            "module.state_dict()"
        ) from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(x, torch.Tensor) for x in found.values()):
        raise SourceError(f"{path}: it is no state_dict; save module.state_dict()")
    return {str(key): value for key, value in found.items()}
