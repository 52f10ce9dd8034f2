"""What ``import tflite2torch`` offers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.errors import MissingDependencyError, SourceError
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.schema import IDENTIFIER
from tflite2torch.converter.output import folder_path
from tflite2torch.converter.sources import read_sources, source_path
from tflite2torch.converter.writer.weights import FloatType, WeightsFormat

if TYPE_CHECKING:
    from torch import nn

    from tflite2torch.parity.layers.report import ParityReport

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
        force: replace models and files that exist. The folder's manifest keeps other models.

    Returns:
        What was written, model by model. Either all files appear, or none.

    Raises:
        SourceError: there is no such source, or no model in it; or it is empty, or a URL.
        InvalidModelError: a file is broken.
        UnsupportedOpError: a model uses something that cannot be converted.
        OutputError: the folder cannot be written, or holds such files already, or a
            ``manifest.json`` that is not ours.
    """
    path, folder = source_path(source), folder_path(out)
    conversions = convert_all(read_sources([path]))
    write_conversions(conversions, folder, format, dtype, force)
    return conversions


@overload
def load(source: Source, model: str) -> nn.Module: ...
@overload
def load(source: Source, model: None = None) -> Any: ...
def load(source: Source, model: str | None = None) -> Any:
    """Return the models of a source as modules with their weights, in ``eval`` mode.

    Their classes are those of the file that ``convert`` writes, imported. In this process
    they can be pickled; another one imports them from the file.

    Args:
        source: a ``.tflite``, ``.task`` or ``.whl`` file, or a folder of them.
        model: the name of one of its models, such as ``face_detector``.

    Returns:
        With ``model``, that module. Without, the module of a ``.tflite`` file, and a dict of
        modules by name for anything else; this is typed as Any, since no type checker knows
        what is in a file.

    Raises:
        MissingDependencyError: torch is not installed.
        SourceError: also where no model of the source is called ``model``.
        InvalidModelError, UnsupportedOpError: as ``convert`` does.
    """
    try:
        from tflite2torch.loading import load_module
    except ImportError as error:
        raise MissingDependencyError(
            'loading a model needs torch: pip install "tflite2torch[torch]"'
        ) from error
    path = source_path(source)
    modules = {c.name: load_module(c) for c in convert_all(_read(path, model))}
    return next(iter(modules.values())) if model or _is_model(path) else modules


@overload
def compare(
    source: Source,
    module: nn.Module | None = None,
    *,
    model: str,
    batch: int | None = None,
    seed: int = 0,
    reference: str | None = None,
) -> ParityReport: ...
@overload
def compare(
    source: Source,
    module: nn.Module | None = None,
    *,
    model: None = None,
    batch: int | None = None,
    seed: int = 0,
    reference: str | None = None,
) -> Any: ...
def compare(
    source: Source,
    module: nn.Module | None = None,
    *,
    model: str | None = None,
    batch: int | None = None,
    seed: int = 0,
    reference: str | None = None,
) -> Any:
    """Compare every layer of the models of a source with TFLite.

    Args:
        source: a ``.tflite``, ``.task`` or ``.whl`` file, or a folder of them.
        module: what is compared in place of the emitted module, such as a port that was
            written by hand; in eval mode, with its weights, on the CPU. It is lined up with
            the emitted one by structure, whatever its names and style are. The source has to be
            of one model, or ``model`` says which one it stands for.
        model: the name of the only model to compare, as for ``load``.
        batch: how many samples run together; each is compared with its own run of TFLite. By
            default, samples run alone and two together.
        seed: of random inputs, and of the nudges that noise floors are measured with.
        reference: what runs the models: ``litert``, ``tensorflow`` or ``mediapipe``; by
            default LiteRT, and MediaPipe's runtime for models with its own operators.

    Returns:
        The report on one model, where ``model`` or a ``.tflite`` file names one; a dict of
        reports by name for anything else. Typed as that of ``load`` is. ``passed`` and
        ``verdict`` say how it went, ``layers`` has all the measures.

    Raises:
        MissingDependencyError: torch, or what reads photos, is not installed.
        ReferenceMissingError: what is to run a model is not installed.
        ReferenceFailedError: it cannot run a model.
        NotComparableError: an input or output has no batch.
        SourceError, InvalidModelError, UnsupportedOpError: as ``convert`` does.
        ValueError: there is no such reference, batch or seed.
        TypeError: ``module`` is no ``nn.Module``.
    """
    from tflite2torch.comparison import compare_conversion
    from tflite2torch.parity.options import Options
    from tflite2torch.parity.reference.backends import BACKENDS

    batches = Options.batches if batch is None else (batch,)
    for name, number, least in (("batch", batches[0], 1), ("seed", seed, 0)):
        if not isinstance(number, int) or number < least:
            raise ValueError(f"{name} is {number!r}; give a number, {least} or more")
    if reference is not None and reference not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise ValueError(f"no reference is called {reference!r}; there are {known}")
    _check_module(module)
    path = source_path(source)
    options = Options(batches, seed, reference=reference)
    conversions = convert_all(_read(path, model))
    if module is not None and len(conversions) != 1:
        raise SourceError(
            f"{path}: {len(conversions)} models; name the one that the module is of: "
            f"model={conversions[0].name!r}"
        )
    reports = {c.name: compare_conversion(c, options, module) for c in conversions}
    return next(iter(reports.values())) if model or _is_model(path) else reports


def _read(path: Path, model: str | None) -> list[ModelFile]:
    """Return the models of a source, or the one of a name; SourceError where none has it."""
    files = list(read_sources([path]))
    if model is None:
        return files
    chosen = [file for file in files if file.name == model]
    if not chosen:
        known = ", ".join(file.name for file in files)
        raise SourceError(f"{path}: no model is called {model!r}; there are {known}")
    return chosen


def _check_module(module: object) -> None:
    """Raise TypeError for what is no module. Without torch, nothing is one."""
    try:
        from torch import nn
    except ImportError:
        return
    if module is not None and not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise TypeError(f"module is of the type {kind}; give an instance of nn.Module")


def _is_model(path: Path) -> bool:
    """Return whether it is a single model, by its first bytes, whatever is appended."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(8)[4:] == IDENTIFIER
