"""Models → how their modules compare with TFLite, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import (
    MissingDependencyError,
    ReferenceFailedError,
    SourceError,
)
from tflite2torch.converter.files import manifest_entry
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.reference.backends import BACKENDS, interpreter
from tflite2torch.verification import missing

if TYPE_CHECKING:
    from torch import nn

    from tflite2torch.parity.inputs.generated import Sample
    from tflite2torch.parity.inputs.interface import Port


@dataclass(frozen=True)
class Settings:
    """How comparisons are made.

    Attributes:
        batch: how many samples run together; each is compared with its own run of TFLite.
        seed: of random inputs, and of the nudges that noise floors are measured with.
        tolerances: largest errors that pass, by the name of a layer or of a TFLite tensor,
            in place of what follows from the noise floor.
        images: a folder whose images are run; a model that takes none runs the usual inputs,
            and its report has a note.
        pictures: whether histograms and heat maps are made, for a report in HTML.
        reference: what runs the models, a key of ``BACKENDS``; by default LiteRT, and
            MediaPipe's runtime for models with its own operators.
        dtype: the floating type that modules compute in: ``float32``, ``float16`` or
            ``bfloat16``. Noise floors and limits are then in ulps of that type.
        inputs: an ``.npz`` file whose inputs are run. Without images and inputs, random
            values and patterns are, and a face where one fits.
    """

    batch: int = 1
    seed: int = 0
    tolerances: Mapping[str, float] = field(default_factory=dict)
    images: Path | None = None
    inputs: Path | None = None
    pictures: bool = False
    reference: str | None = None
    dtype: str = "float32"


def compare_conversion(
    conversion: Conversion,
    settings: Settings,
    other: Conversion | nn.Module | None = None,
) -> ParityReport:
    """Compare a model's module with TFLite, layer by layer.

    Args:
        conversion: the model, which TFLite runs.
        settings: how.
        other: the module that is compared, or the model whose module is; by default that
            of the same model.

    Raises:
        MissingDependencyError: torch, or what reads photos, is not installed.
        ReferenceFailedError: TFLite is not installed, or cannot run the model.
        SourceError: the images or inputs cannot be read, or do not fit.
    """
    _check_installed(conversion, settings.reference)
    from tflite2torch.loading import load_module
    from tflite2torch.parity.inputs.interface import Interface
    from tflite2torch.parity.layers.compare import Options, compare_layers

    ports = Interface.from_manifest(manifest_entry(conversion)).inputs
    report = compare_layers(
        conversion,
        load_module(conversion),
        _samples(ports, settings),
        Options(
            settings.batch,
            settings.seed,
            settings.tolerances,
            settings.pictures,
            settings.reference,
            settings.dtype,
        ),
        load_module(other) if isinstance(other, Conversion) else other,
        other if isinstance(other, Conversion) else None,
    )
    if settings.images is None or _takes_images(conversion):
        return report
    note = "it takes no image, so that --images is not for it"
    return replace(report, notes=(note, *report.notes))


def reproduce(
    conversion: Conversion, settings: Settings, report: ParityReport
) -> dict[str, bytes | str]:
    """Return the files of ``--save-repro``: one layer, its inputs, and both outputs.

    The layer is the source of the failure, or the worst one where nothing fails.
    """
    from tflite2torch.loading import load_module
    from tflite2torch.parity.inputs.interface import Interface
    from tflite2torch.parity.layers.reproduction import reproduction

    ports = Interface.from_manifest(manifest_entry(conversion)).inputs
    samples = _samples(ports, settings)
    return reproduction(conversion, load_module(conversion), samples, report)


def compare_all(
    conversions: Iterable[Conversion],
    compare: Callable[[Conversion], ParityReport],
) -> dict[str, ParityReport | ReferenceFailedError]:
    """Compare models one after the other; a reference that fails does not end it."""
    outcomes: dict[str, ParityReport | ReferenceFailedError] = {}
    for conversion in conversions:
        try:
            outcomes[conversion.name] = compare(conversion)
        except ReferenceFailedError as error:
            outcomes[conversion.name] = error
    return outcomes


def check_images(settings: Settings, conversions: Iterable[Conversion]) -> None:
    """Raise SourceError where images are to be run and there are none, or no use for them."""
    from tflite2torch.parity.inputs.samples import image_files

    if settings.images is not None:
        image_files(settings.images)
        if not any(map(_takes_images, conversions)):
            raise SourceError(
                f"--images {settings.images}: no model takes an image; give --inputs"
            )


def _takes_images(conversion: Conversion) -> bool:
    from tflite2torch.parity.inputs.generated import is_image
    from tflite2torch.parity.inputs.interface import Interface

    ports = Interface.from_manifest(manifest_entry(conversion)).inputs
    return any(is_image(port) for port in ports)


def check_tolerances(
    tolerances: Mapping[str, float], reports: Iterable[ParityReport]
) -> None:
    """Raise SourceError for a tolerance that is for no layer or tensor of these."""
    layers = [layer for report in reports for layer in report.layers]
    known = {name for layer in layers for name in (layer.name, layer.tensor_name)}
    for name in tolerances:
        if layers and name not in known:
            raise SourceError(
                f"--tolerance {name}: no layer or tensor of this name; --all lists them"
            )


def _samples(ports: Sequence[Port], settings: Settings) -> list[Sample]:
    from tflite2torch.parity.inputs.generated import is_image
    from tflite2torch.parity.inputs.samples import image_samples, varied_samples
    from tflite2torch.parity.inputs.saved import saved_samples

    samples: list[Sample] = []
    if settings.images is not None and any(is_image(port) for port in ports):
        samples += image_samples(settings.images, ports, settings.seed)
    if settings.inputs is not None:
        samples += saved_samples(settings.inputs, ports)
    return samples or varied_samples(ports, settings.seed)


def _check_installed(conversion: Conversion, reference: str | None) -> None:
    if reason := BACKENDS[reference or interpreter()].unavailable():
        raise ReferenceFailedError(f"{conversion.file.label}: {reason}")
    if absent := missing():
        raise MissingDependencyError(absent)
