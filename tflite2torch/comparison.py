"""Compares conversions with TFLite, for the command line and the Python interface."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
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

NEEDED = {"torch": "torch", "matplotlib": "matplotlib", "PIL": "pillow"}
"""Modules that a comparison imports, and the packages that bring them."""

QUICK = Options(gradients=False, patterns=("uniform", "normal", "extremes", "face"))
"""What ``convert`` checks: as ``parity`` does, on fewer inputs."""


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
    other: Conversion | nn.Module | None = None,
) -> ParityReport:
    """Compare a model's module with TFLite.

    Args:
        conversion: the model, which TFLite runs.
        options: how.
        other: the module that is compared, or the model whose module is; by default that
            of the same model.

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
    from tflite2torch.loading import load_module
    from tflite2torch.parity.layers.compare import compare_model

    start = time.perf_counter()
    report = compare_model(
        conversion,
        load_module(conversion),
        _samples(conversion, options),
        options,
        load_module(other) if isinstance(other, Conversion) else other,
        other if isinstance(other, Conversion) else None,
    )
    report = replace(report, seconds=time.perf_counter() - start)
    if options.images is None or _takes_images(conversion):
        return report
    note = "it takes no image, so that --images is not for it"
    return replace(report, notes=(note, *report.notes))


def reproduce(
    conversion: Conversion,
    options: Options,
    report: ParityReport,
    other: Conversion | nn.Module | None = None,
) -> dict[str, bytes | str]:
    """Return the files of ``--save-repro``: one layer, its inputs, and both outputs.

    The layer is the source of the failure, or the worst one where nothing fails. Arguments
    are those that the report was made with.
    """
    from tflite2torch.loading import load_module
    from tflite2torch.parity.layers.reproduction import reproduction

    samples = _samples(conversion, options)
    parent = other if isinstance(other, Conversion) else None
    module = load_module(other) if isinstance(other, Conversion) else other
    emitted = load_module(conversion)
    return reproduction(conversion, emitted, samples, report, module, options.dtype, parent)


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


def check_tolerances(tolerances: Mapping[str, float], conversions: Iterable[Conversion]) -> None:
    """Raise SourceError for a tolerance of no layer or tensor of any model."""
    if not tolerances or missing():
        return
    from tflite2torch.loading import load_module
    from tflite2torch.parity.layers.compare import names_in

    known = {name for c in conversions for name in names_in(c, load_module(c))}
    for name in tolerances:
        if name not in known:
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
