"""``tflite2torch parity``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from converter.convert import Conversion, convert_all
from converter.errors import ReferenceFailedError
from converter.output import output_folder
from converter.reader.sources import read_sources
from parity.layers.report import ParityReport
from parity.references import BACKENDS
from parity.reports.document import Outcome, as_document
from parity.reports.html import as_page
from parity.reports.junit import as_junit
from parity.reports.model_explorer import as_node_data
from parity.reports.terminal import show_report
from tflite2torch.commands.options import common, progress
from tflite2torch.layerwise import (
    Settings,
    check_tolerances,
    compare_all,
    compare_conversion,
    reproduce,
)

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)


def _tolerances(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, float]:
    """Read ``NAME=VALUE``; the name may itself hold an equals sign."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = math.nan
        if not name or not found[name] >= 0:
            raise click.BadParameter(
                f"{text!r} is not NAME=VALUE with a value of 0 or more"
            )
    return found


def comparing(command: Command) -> Command:
    """Give a verb the options of a comparison and of its reports."""
    for decorate in (*_report_options(), *_comparison_options()):
        command = decorate(command)
    return command


def _report_options() -> Sequence[Callable[[Command], Command]]:
    return (
        click.option(
            "--html",
            type=FILE,
            metavar="F",
            help="Write one page that needs no network.",
        ),
        click.option("--junit", type=FILE, metavar="F", help="Write JUnit XML."),
        click.option("--all", "everything", is_flag=True, help="Show every layer."),
    )


def _comparison_options() -> Sequence[Callable[[Command], Command]]:
    folder = click.Path(path_type=Path, file_okay=False, exists=True)
    return (
        click.option(
            "--tolerance",
            "tolerances",
            callback=_tolerances,
            multiple=True,
            metavar="NAME=VALUE",
            help="Largest error of a layer or a TFLite tensor, in place of the derived one.",
        ),
        click.option(
            "--inputs",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            metavar="F.npz",
            help="Run saved inputs: an array for each, by its name.",
        ),
        click.option(
            "--images",
            type=folder,
            metavar="DIR",
            help="Run the images of a folder, letterboxed as MediaPipe's detectors do.",
        ),
        click.option(
            "--reference",
            type=click.Choice(list(BACKENDS)),
            help="What runs the models.  [default: litert; mediapipe for its operators]",
        ),
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Of random inputs and of the nudges that measure noise.",
        ),
        click.option(
            "--batch",
            type=click.IntRange(min=1, max=64),
            default=1,
            show_default=True,
            help="Samples that run together, each compared with its own run of TFLite.",
        ),
    )


@click.command()
@common
@comparing
@click.option(
    "--model-explorer",
    "explorer",
    type=FILE,
    metavar="F",
    help="Write node data for Google's Model Explorer; of one model.",
)
@click.option(
    "--save-repro",
    "repro",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write what shows the difference at the source, or at the worst layer.",
)
def parity(
    sources: tuple[Path, ...],
    batch: int,
    seed: int,
    images: Path | None,
    inputs: Path | None,
    tolerances: dict[str, float],
    reference: str | None,
    everything: bool,
    junit: Path | None,
    html: Path | None,
    explorer: Path | None,
    repro: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare every layer of the converted models of SOURCE with TFLite.

    A layer passes when its error is within twice TFLite's own noise floor, or within four
    float32 ulps of its magnitude. A failure names its source: the first layer that fails
    while its inputs pass. Exit codes: 0 all pass; 1 something fails; 2 the call is wrong;
    3 the TFLite reference could not run.
    """
    pictures = html is not None
    settings = Settings(batch, seed, tolerances, images, inputs, pictures, reference)
    conversions = convert_all(read_sources(sources))
    if explorer is not None and len(conversions) != 1:
        raise click.UsageError(
            "--model-explorer takes one model; name one .tflite file"
        )
    with progress(quiet) as bar:
        outcomes = compare_all(
            bar.track(conversions, description="comparing with TFLite"),
            lambda conversion: compare_conversion(conversion, settings),
        )
    reports = [o for o in outcomes.values() if isinstance(o, ParityReport)]
    check_tolerances(settings.tolerances, reports)
    if explorer is not None:
        for report in reports:
            write_file(explorer, as_node_data(report, conversions[0].file.data))
    if repro is not None:
        for conversion in conversions:
            _save_repro(repro / conversion.name, conversion, settings, outcomes)
    tell(outcomes, html, junit, everything, quiet, as_json)


def _save_repro(
    folder: Path,
    conversion: Conversion,
    settings: Settings,
    outcomes: Mapping[str, Outcome],
) -> None:
    report = outcomes[conversion.name]
    if isinstance(report, ParityReport) and report.layers:
        with output_folder(folder, force=True) as files:
            for name, content in reproduce(conversion, settings, report).items():
                files.write(name, content)


def tell(
    outcomes: Mapping[str, Outcome],
    html: Path | None,
    junit: Path | None,
    everything: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write and print what was found, and end with the documented exit code."""
    if html is not None:
        write_file(html, as_page(outcomes))
    if junit is not None:
        write_file(junit, as_junit(outcomes))
    if as_json:
        click.echo(json.dumps(as_document(outcomes), indent=2, allow_nan=False))
    elif not quiet:
        console = Console(highlight=False)
        for outcome in outcomes.values():
            if isinstance(outcome, ParityReport):
                show_report(console, outcome, everything)
    for outcome in outcomes.values():
        if isinstance(outcome, ParityReport) and not outcome.passed:
            click.get_current_context().exit(1)
    for outcome in outcomes.values():
        if isinstance(outcome, ReferenceFailedError):
            raise outcome


def write_file(path: Path, content: bytes | str) -> None:
    """Write a report, whole or not at all; one that is there is replaced."""
    with output_folder(path.parent, force=True) as folder:
        folder.write(path.name, content)
