"""Compares conversions with TFLite, for the command line and the Python interface."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import (
    MissingDependencyError,
    NotComparableError,
    ReferenceFailedError,
    ReferenceMissingError,
    SourceError,
)
from tflite2torch.converter.frontends.file import printable
from tflite2torch.parity.inputs.images import image_files, image_samples
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.loader import MOST, loaded_samples
from tflite2torch.parity.inputs.samples import Sample, make_samples
from tflite2torch.parity.inputs.saved import saved_names, saved_samples
from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.backends import BACKENDS, choose_backend, interpreter
from tflite2torch.parity.reference.interpreter import Reference

if TYPE_CHECKING:
    from torch import nn

    from tflite2torch.parity.layers.compare import Progress

    Compared = Conversion | nn.Module | None
    """What PyTorch runs: the module of a model, another one, or that of the same model."""

    Pair = tuple[Conversion, Compared]
    """A model that TFLite runs, and what PyTorch runs."""

NEEDED = {"torch": "torch", "matplotlib": "matplotlib", "PIL": "pillow"}
"""Modules that a comparison imports, and the packages that bring them."""

OF_CONVERT = Options(gradients=False, patterns=("uniform", "normal", "extremes", "face"))
"""What ``convert`` checks: as ``parity`` does, on fewer inputs."""

QUICK = Options(outputs_only=True, gradients=False, patterns=("uniform", "face"), batches=(2,))
"""What ``--quick`` checks: the outputs for two inputs that run together, and all constants."""

LEFT_OUT = (
    "quick: outputs and constants were compared; layers, gradients and most kinds of inputs were "
    "not"
)
"""What a report says of that."""


def missing() -> str:
    """Return which packages a comparison lacks and what mends it; empty if none."""
    absent = [p for module, p in NEEDED.items() if not importlib.util.find_spec(module)]
    if BACKENDS[interpreter()].unavailable():
        absent.append(Reference.package)
    if not absent:
        return ""
    return f"{', '.join(absent)} not installed; {Reference.install}"


def compare_conversion(
    conversion: Conversion,
    options: Options,
    other: Compared = None,
    progress: Progress | None = None,
) -> ParityReport:
    """Compare a model's module with TFLite.

    Args:
        conversion: the model, which TFLite runs.
        options: how.
        other: the module that is compared, or the model whose module is; by default that
            of the same model.
        progress: told how many samples are done, and how many there are.

    Raises:
        MissingDependencyError: torch, or what reads photos, is not installed.
        ReferenceMissingError: what is to run the model is not installed.
        ReferenceFailedError: it cannot run the model.
        NotComparableError: an input or output has no batch, or the models are of two
            architectures.
        SourceError: the images or inputs cannot be read, or do not fit.
    """
    backend = options.reference or choose_backend(conversion.model)
    if reason := BACKENDS[backend].unavailable():
        raise ReferenceMissingError(f"{conversion.file.label}: not compared, because {reason}")
    if absent := missing():
        raise MissingDependencyError(absent)
    # Both import torch, which takes seconds and is not installed everywhere.
    from tflite2torch.converter.loading import load_module
    from tflite2torch.parity.layers.compare import compare_model

    start = time.perf_counter()
    report = compare_model(
        conversion,
        load_module(conversion),
        _samples(conversion, options),
        options,
        load_module(other) if isinstance(other, Conversion) else other,
        other if isinstance(other, Conversion) else None,
        progress,
    )
    report = replace(report, seconds=time.perf_counter() - start)
    notes = [LEFT_OUT] if options.outputs_only else []
    if options.images is not None and not _takes_images(conversion):
        notes.append("it takes no image, so that --images is not for it")
    return replace(report, notes=(*notes, *report.notes))


def reproduce(
    conversion: Conversion,
    options: Options,
    report: ParityReport,
    other: Compared = None,
) -> dict[str, bytes | str]:
    """Return the files of ``--save-repro``: one layer, its inputs, and both outputs.

    The layer is the source of the failure, or the worst one where nothing fails. Arguments
    are those that the report was made with.
    """
    from tflite2torch.converter.loading import load_module
    from tflite2torch.parity.layers.reproduction import reproduction

    samples = _samples(conversion, options)
    parent = other if isinstance(other, Conversion) else None
    module = load_module(other) if isinstance(other, Conversion) else other
    emitted = load_module(conversion)
    return reproduction(conversion, emitted, samples, report, module, options.dtype, parent)


def compare_pairs(
    pairs: Sequence[Pair],
    options: Options,
    told: Callable[[Conversion, int, int], None] = lambda conversion, done, total: None,
) -> dict[str, Outcome]:
    """Compare models one after the other, after everything that can be checked before.

    Args:
        pairs: each model that TFLite runs, and what PyTorch runs.
        options: how.
        told: called with a model, how many of its samples are done, and how many there are.

    Raises:
        SourceError: inputs, images, tolerances or the device are not there.
        MissingDependencyError: something that is needed is not installed.
    """
    models = [conversion for conversion, _ in pairs]
    check_place(options)
    check_inputs(options, models)
    check_tolerances(options.tolerances, models)
    others = {conversion.name: other for conversion, other in pairs}

    def compared(conversion: Conversion) -> ParityReport:
        other = others[conversion.name]
        return compare_conversion(conversion, options, other, partial(told, conversion))

    return compare_all(models, compared)


def compare_all(
    conversions: Iterable[Conversion],
    compare: Callable[[Conversion], ParityReport],
) -> dict[str, Outcome]:
    """Compare models one after the other; one that cannot be compared does not end it."""
    outcomes: dict[str, Outcome] = {}
    for conversion in conversions:
        try:
            outcomes[conversion.name] = compare(conversion)
        except (ReferenceFailedError, NotComparableError) as error:
            outcomes[conversion.name] = error
    return outcomes


def check_inputs(options: Options, conversions: Sequence[Conversion]) -> None:
    """Raise SourceError where given images or arrays are not there, or no model takes them."""
    if options.images is not None:
        image_files(options.images)
        if not any(map(_takes_images, conversions)):
            raise SourceError(f"--images {options.images}: no model takes an image; give --inputs")
    if isinstance(options.inputs, Path):
        known = {entry["identifier"] for c in conversions for entry in c.inputs}
        if unknown := [name for name in saved_names(options.inputs) if name not in known]:
            raise SourceError(
                f"{options.inputs}: no model has an input {printable(', '.join(unknown))}; "
                f"there are {', '.join(sorted(known))}"
            )


def check_place(options: Options) -> None:
    """Raise where a module cannot be brought into the form, or to the device, that is asked for.

    Raises:
        SourceError: torch knows no such device here.
        MissingDependencyError: what makes the form is not installed.
    """
    if missing():
        return
    import torch

    try:
        torch.empty(0, device=options.device)
    except (RuntimeError, AssertionError) as error:
        told = str(error).splitlines()[0]
        raise SourceError(f"--device {options.device}: torch cannot use it here: {told}") from error
    needed = ("onnxruntime", "onnxscript") if options.form == "onnx" else ()
    if absent := [name for name in needed if not importlib.util.find_spec(name)]:
        raise MissingDependencyError(
            f"--as onnx: {' and '.join(absent)} not installed; pip install {' '.join(absent)}"
        )


def check_tolerances(tolerances: Mapping[str, float], conversions: Iterable[Conversion]) -> None:
    """Raise SourceError for a tolerance of no layer or tensor of any model."""
    if not tolerances or missing():
        return
    from tflite2torch.converter.loading import load_module
    from tflite2torch.parity.layers.compare import names_in
    from tflite2torch.parity.layers.statistics import split_name

    known = {name for c in conversions for name in names_in(c, load_module(c))}
    for name in tolerances:
        if split_name(name)[0] not in known:
            raise SourceError(
                f"--tolerance {name}: no layer or tensor of this name; --all lists them"
            )


def _takes_images(conversion: Conversion) -> bool:
    with suppress(NotComparableError):  # which comparing it says
        return any(port.is_image for port in Interface.of(conversion).inputs)
    return False


def _samples(conversion: Conversion, options: Options) -> list[Sample]:
    """Return the images and inputs that were asked for, or else the generated ones."""
    ports = Interface.of(conversion).inputs
    samples: list[Sample] = []
    if options.images is not None and _takes_images(conversion):
        samples += image_samples(options.images, ports, options.seed)
    if isinstance(options.inputs, Path):
        samples += saved_samples(options.inputs, ports)
    elif options.inputs is not None:
        name = getattr(options.inputs, "__name__", "inputs")
        samples += loaded_samples(name, options.inputs, ports, options.iterations or MOST)
    return samples or make_samples(ports, options.seed, options.patterns, options.iterations or 1)
