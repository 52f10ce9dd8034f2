"""What ``import tflite2torch`` offers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, overload

from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.errors import MissingDependencyError, SourceError
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.schema import IDENTIFIER
from tflite2torch.converter.output import folder_path
from tflite2torch.converter.sources import read_sources
from tflite2torch.converter.writer.weights import FloatType, WeightsFormat
from tflite2torch.download import find_source

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Unpack

    from tflite2torch.parity.layers.report import ParityReport

Source = str | os.PathLike[str]

Loader = Callable[[], Iterable[Mapping[str, Any]]]
"""Yields samples: for each an array for each input."""


class CompareOptions(TypedDict, total=False):
    """The options of ``compare``, which describes them."""

    batch: int | None
    seed: int
    reference: str | None
    images: Source | None
    inputs: Source | Mapping[str, Any] | Loader | None
    iterations: int | None
    tolerances: Mapping[str, float] | None
    dtype: str
    form: str
    device: str
    quick: bool
    html: Source | None
    junit: Source | None
    model_explorer: Source | None
    save_repro: Source | None
    save_outputs: Source | None
    force: bool


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
        source: a ``.tflite``, ``.task`` or ``.whl`` file, a folder of them, or the name of an
            official model, which is downloaded if it is not in the cache.
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
    path, folder = find_source(source), folder_path(out)
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
        source: a ``.tflite``, ``.task`` or ``.whl`` file, a folder of them, or the name of an
            official model, which is downloaded if it is not in the cache.
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
        from tflite2torch.converter.loading import load_module
    except ImportError as error:
        raise MissingDependencyError(
            'loading a model needs torch: pip install "tflite2torch[torch]"'
        ) from error
    path = find_source(source)
    modules = {c.name: load_module(c) for c in convert_all(_read(path, model))}
    return next(iter(modules.values())) if model or _is_model(path) else modules


@overload
def compare(
    source: Source,
    module: nn.Module | None = None,
    *,
    model: str,
    **options: Unpack[CompareOptions],
) -> ParityReport: ...
@overload
def compare(
    source: Source,
    module: nn.Module | None = None,
    *,
    model: None = None,
    **options: Unpack[CompareOptions],
) -> Any: ...
def compare(
    source: Source,
    module: nn.Module | None = None,
    *,
    model: str | None = None,
    batch: int | None = None,
    seed: int = 0,
    reference: str | None = None,
    images: Source | None = None,
    inputs: Source | Mapping[str, Any] | Loader | None = None,
    iterations: int | None = None,
    tolerances: Mapping[str, float] | None = None,
    dtype: str = "float32",
    form: str = "",
    device: str = "cpu",
    quick: bool = False,
    html: Source | None = None,
    junit: Source | None = None,
    model_explorer: Source | None = None,
    save_repro: Source | None = None,
    save_outputs: Source | None = None,
    force: bool = False,
) -> Any:
    """Compare every layer of the models of a source with TFLite.

    Args:
        source: a ``.tflite``, ``.task`` or ``.whl`` file, a folder of them, or the name of an
            official model, which is downloaded if it is not in the cache.
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
        images: a folder of images to run in place of the generated inputs, letterboxed.
        inputs: arrays to run in place of these, by the module's name for each input, in TFLite's
            shape; or a function that yields such dicts; or an ``.npz`` file.
        iterations: how many samples of each random input there are, or of the function.
        tolerances: the largest error that passes, by the name of a layer or a TFLite tensor;
            ``NAME:STATISTIC`` is for its ``mean``, ``median``, quantile ``p99``, ``psnr`` or
            ``snr``.
        dtype: what PyTorch computes in: ``float32``, ``float16`` or ``bfloat16``.
        form: ``compiled``, ``exported`` or ``onnx``: what the module is made into; its outputs
            alone are compared then.
        device: where PyTorch runs; outputs alone are compared elsewhere than on the CPU.
        quick: compare outputs for two inputs, and constants, and nothing else.
        html: write a page there.
        junit: write JUnit XML there.
        model_explorer: write node data for Model Explorer there; of one model.
        save_repro: write the smallest part that fails to this folder.
        save_outputs: write inputs and the outputs of both sides to this folder.
        force: replace files that exist.

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
        OutputError: a report cannot be written.
        ValueError: there is no such reference, form, type, batch or seed.
        TypeError: ``module`` is no ``nn.Module``.
    """
    from tflite2torch.comparison import QUICK, compare_pairs
    from tflite2torch.parity.options import FORMS, Options
    from tflite2torch.parity.reference.backends import BACKENDS
    from tflite2torch.reporting import Reports

    for name, number, least in (("batch", batch, 1), ("seed", seed, 0)):
        if number is not None and (not isinstance(number, int) or number < least):
            raise ValueError(f"{name} is {number!r}; give a number, {least} or more")
    _check_choice("reference", reference, (None, *BACKENDS))
    _check_choice("form", form, ("", *FORMS))
    _check_choice("dtype", dtype, ("float32", "float16", "bfloat16"))
    _check_module(module)
    path = find_source(source)
    reports = Reports(
        html=_path(html),
        junit=_path(junit),
        explorer=_path(model_explorer),
        repro=_path(save_repro),
        outputs=_path(save_outputs),
        force=force,
    )
    base = QUICK if quick else Options()
    given = inputs if inputs is None or callable(inputs) else _inputs(inputs)
    options = reports.needs(
        replace(
            base,
            batches=base.batches if batch is None else (batch,),
            seed=seed,
            reference=reference,
            images=_path(images),
            inputs=given,
            iterations=iterations,
            tolerances=tolerances or {},
            dtype=dtype,
            form=form,
            device=device,
        )
    )
    reports.check([path, options.images, given])
    conversions = convert_all(_read(path, model))
    if module is not None and len(conversions) != 1:
        raise SourceError(
            f"{path}: {len(conversions)} models; name the one that the module is of: "
            f"model={conversions[0].name!r}"
        )
    reports.check_models([conversion.name for conversion in conversions])
    pairs = [(conversion, module) for conversion in conversions]
    outcomes = compare_pairs(pairs, options)
    for _ in reports.write(outcomes, pairs, options):
        pass
    for outcome in outcomes.values():
        if isinstance(outcome, Exception):
            raise outcome
    return next(iter(outcomes.values())) if model or _is_model(path) else outcomes


def _path(place: Source | None) -> Path | None:
    return None if place is None else Path(place)


def _inputs(inputs: Source | Mapping[str, Any]) -> Path | Loader:
    """Return arrays as what yields them, and a path as one."""
    if not isinstance(inputs, Mapping):
        return Path(inputs)

    def given() -> Iterable[Mapping[str, Any]]:
        return [inputs]

    return given


def _check_choice(name: str, value: str | None, known: Sequence[str | None]) -> None:
    """Raise ValueError for what is not among the known ones."""
    if value not in known:
        named = ", ".join(map(str, filter(None, known)))
        raise ValueError(f"no {name} is called {value!r}; there are {named}")


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
