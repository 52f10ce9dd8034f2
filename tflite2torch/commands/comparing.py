"""The options and reports that ``parity`` and ``compare`` share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from tflite2torch.commands.options import note_written, print_json
from tflite2torch.console import console
from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.outputs import check_targets, write_file
from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.backends import BACKENDS
from tflite2torch.parity.reports.document import as_document
from tflite2torch.parity.reports.html import as_page
from tflite2torch.parity.reports.junit import as_junit
from tflite2torch.parity.reports.terminal import show_report, show_unknown

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Reports:
    """The reports that were asked for.

    Attributes:
        html: where the page goes.
        junit: where the JUnit XML goes.
        force: whether files that exist are replaced.
        everything: whether the table has every layer.
        as_json: whether JSON is printed in place of tables.
        quiet: whether nothing is printed.
    """

    html: Path | None
    junit: Path | None
    force: bool
    everything: bool
    as_json: bool
    quiet: bool

    def check(
        self,
        read: Sequence[Path | None],
        files: Mapping[str, Path | None] = MappingProxyType({}),
        folders: Mapping[str, Path | None] = MappingProxyType({}),
    ) -> None:
        """Raise OutputError where a report, or another of a verb's files, cannot be written.

        Args:
            read: what the call reads; None counts for nothing.
            files: further files by the option that names them.
            folders: further folders.
        """
        own = {"--html": self.html, "--junit": self.junit}
        check_targets(own | dict(files), folders, filter(None, read), self.force)

    def show(self, outcomes: Mapping[str, Outcome]) -> None:
        """Print the outcomes and write the files, even if printing fails on a closed pipe."""
        try:
            self._print(outcomes)
        finally:
            self._write(outcomes)

    def _print(self, outcomes: Mapping[str, Outcome]) -> None:
        if self.as_json:
            print_json(as_document(outcomes))
        elif not self.quiet:
            shown = console()
            for name, outcome in outcomes.items():
                if isinstance(outcome, ParityReport):
                    show_report(shown, outcome, self.everything)
                elif isinstance(outcome, ReferenceFailedError):
                    show_unknown(shown, name)

    def _write(self, outcomes: Mapping[str, Outcome]) -> None:
        if self.html is not None:
            write_report("--html", self.html, as_page(outcomes))
        if self.junit is not None:
            write_report("--junit", self.junit, as_junit(outcomes))


def write_report(option: str, path: Path, content: bytes | str) -> None:
    """Write the file of a report that an option names."""
    write_file(option, path, content)
    note_written(f"{path} was written")


def comparing(command: Command) -> Command:
    """Give a verb the options of a comparison: ``options``, and ``reports``."""

    @functools.wraps(command)
    def wrapped(
        batch: int | None,
        time_limit: float,
        seed: int,
        tolerances: dict[str, float],
        images: Path | None,
        inputs: Path | None,
        reference: str | None,
        html: Path | None,
        junit: Path | None,
        force: bool,
        everything: bool,
        as_json: bool,
        quiet: bool,
        **others: Any,
    ) -> None:
        options = Options(
            batches=Options.batches if batch is None else (batch,),
            time_limit=time_limit,
            seed=seed,
            tolerances=tolerances,
            images=images,
            inputs=inputs,
            pictures=html is not None,
            reference=reference,
        )
        reports = Reports(html, junit, force, everything, as_json, quiet)
        command(options=options, reports=reports, **others)

    decorated: Any = wrapped
    for option in (*_report_options(), *_comparison_options()):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


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
        if not name or not 0 <= found[name] < math.inf:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE with a finite value of 0 or more")
    return found


def _report_options() -> Sequence[Decorator]:
    return (
        click.option(
            "--html",
            type=FILE,
            metavar="F",
            help="Write one page that needs no network.",
        ),
        click.option("--junit", type=FILE, metavar="F", help="Write JUnit XML."),
        click.option("--force", is_flag=True, help="Replace files that exist."),
        click.option("--all", "everything", is_flag=True, help="Show every layer."),
    )


def _comparison_options() -> Sequence[Decorator]:
    folder = click.Path(path_type=Path, file_okay=False, exists=True)
    return (
        click.option(
            "--tolerance",
            "tolerances",
            callback=_tolerances,
            multiple=True,
            metavar="NAME=VALUE",
            help="Override the limit of a layer or a TFLite tensor.",
        ),
        click.option(
            "--inputs",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            metavar="F.npz",
            help="Run saved inputs: an array for each, by the name that inspect shows.",
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
            "--time-limit",
            type=click.FloatRange(min=0, min_open=True),
            default=Options.time_limit,
            show_default=True,
            metavar="SECONDS",
            help="Processor time that TFLite may take for one answer.",
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
            help="Samples that run together, each compared with its own run of TFLite.  "
            "[default: 1, and 2]",
        ),
    )
