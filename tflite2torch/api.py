"""What ``import tflite2torch`` offers."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from converter.convert import Conversion, convert_all
from converter.errors import MissingDependencyError
from converter.files import write_conversions
from converter.reader.sources import read_sources
from converter.writer.weights import FloatType, WeightsFormat

if TYPE_CHECKING:
    from torch import nn

Source = str | os.PathLike[str]


def convert(
    source: Source,
    out: Source = ".",
    *,
    format: WeightsFormat = "safetensors",
    dtype: FloatType = "float32",
    force: bool = False,
) -> list[Conversion]:
    """Write the PyTorch source and weights of every model of a source to a folder.

    Args:
        source: a ``.tflite``, ``.task`` or ``.whl`` file, or a folder of them.
        out: the folder; it is created where it is missing.
        format: of the weights, ``safetensors`` or ``pth``.
        dtype: ``float32``, or ``float16``, which loses nothing where the file stores that.
        force: replace files that exist.

    Returns:
        What was written, model by model. Either all files appear, or none.

    Raises:
        SourceError: there is no such source, or no model in it.
        InvalidModelError: a file is broken.
        UnsupportedOpError: a model uses something that cannot be converted.
        OutputError: the folder cannot be written, or holds such files already.
    """
    conversions = convert_all(read_sources([Path(source)]))
    write_conversions(conversions, Path(out), format, dtype, force)
    return conversions


def load(source: Source) -> nn.Module | dict[str, nn.Module]:
    """Return the models of a source as modules with their weights, in ``eval`` mode.

    Args:
        source: a ``.tflite``, ``.task`` or ``.whl`` file, or a folder of them.

    Returns:
        The module of a ``.tflite`` file; a dict of modules by name for anything else.

    Raises:
        MissingDependencyError: torch is not installed.
        SourceError, InvalidModelError, UnsupportedOpError: as ``convert`` does.
    """
    try:
        from tflite2torch.loading import load_module
    except ImportError as error:
        raise MissingDependencyError(
            'loading a model needs torch: pip install "tflite2torch[parity]"'
        ) from error
    path = Path(source)
    modules = {c.name: load_module(c) for c in convert_all(read_sources([path]))}
    bundle = path.is_dir() or zipfile.is_zipfile(path)
    return modules if bundle else next(iter(modules.values()))
