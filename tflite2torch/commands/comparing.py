"""The options and reports that ``parity`` and ``compare`` share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tflite2torch.commands.options import (
    FolderPath,
    finish,
    note_written,
    print_json,
    progress,
)
from tflite2torch.comparison import (
    check_inputs,
    check_tolerances,
    compare_all,
    compare_conversion,
    reproduce,
)
from tflite2torch.console import console
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import ReferenceFailedError, SourceError
from tflite2torch.outputs import check_new, check_targets, write_file, write_files
from tflite2torch.parity.inputs.loader import MOST, Loader
from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.backends import BACKENDS
from tflite2torch.parity.reports.document import as_document
from tflite2torch.parity.reports.html import as_page
from tflite2torch.parity.reports.junit import as_junit
from tflite2torch.parity.reports.terminal import show_report, show_unknown
from tflite2torch.user_code import load_object

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
if TYPE_CHECKING:
    from torch import nn

    Compared = Conversion | nn.Module | None
    """What PyTorch runs: the module of a model, another one, or that of the same model."""

    Pair = tuple[Conversion, Compared]
    """A model that TFLite runs, and what PyTorch runs."""

FILE = click.Path(path_type=Path)


class InputsPath(click.Path):
    """An ``.npz`` file, or a function of the user's that yields inputs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path or the function; raise SourceError where there is none."""
        if ".py:" not in str(value) or Path(value).exists():
            return super().convert(value, param, ctx)
        found = load_object(value)
        if not callable(found):
            raise SourceError(f"{value}: it is no function")
        return found


@dataclass(frozen=True)
class Reports:
    """The reports that were asked for.

    Attributes:
        html: where the page goes.
        junit: where the JUnit XML goes.
        explorer: where the node data for Model Explorer goes.
        repro: the folder that reproductions go to.
        force: whether files that exist are replaced.
        everything: whether the table has every layer.
        as_json: whether JSON is printed in place of tables.
        quiet: whether nothing is printed.
    """

    html: Path | None
    junit: Path | None
    explorer: Path | None
    repro: Path | None
    force: bool
    everything: bool
    as_json: bool
    quiet: bool

    def check(self, read: Sequence[object]) -> None:
        """Raise OutputError where a report cannot be written.

        Args:
            read: what the call reads; what is no path counts for nothing.
        """
        files = {"--html": self.html, "--junit": self.junit, "--model-explorer": self.explorer}
        check_targets(
            files,
            {"--save-repro": self.repro},
            [path for path in read if isinstance(path, Path)],
            self.force,
        )

    def check_models(self, names: Sequence[str]) -> None:
        """Raise where the reports of these models cannot be written: UsageError, OutputError."""
        if self.explorer is not None and len(names) != 1:
            raise click.UsageError("--model-explorer takes one model; name one .tflite file")
        if self.repro is not None and not self.force:
            for name in names:
                check_new("--save-repro", self.repro / name)

    def show(
        self, outcomes: Mapping[str, Outcome], pairs: Sequence[Pair], options: Options
    ) -> None:
        """Print the outcomes and write the files, even if printing fails on a closed pipe."""
        try:
            self._print(outcomes)
        finally:
            self._write(outcomes)
            for conversion, other in pairs:
                report = outcomes[conversion.name]
                if isinstance(report, ParityReport):
                    self._write_of_model(conversion, other, options, report)

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

    def _write_of_model(
        self,
        conversion: Conversion,
        other: Compared,
        options: Options,
        report: ParityReport,
    ) -> None:
        if self.explorer is not None:
            from tflite2torch.parity.reports.model_explorer import as_node_data

            data = as_node_data(report, conversion.file.data)
            write_report("--model-explorer", self.explorer, data)
        if self.repro is None:
            return
        if files := reproduce(conversion, options, report, other):
            write_files("--save-repro", self.repro / conversion.name, files)
            note_written(f"{self.repro / conversion.name} was written")


def write_report(option: str, path: Path, content: bytes | str) -> None:
    """Write the file of a report that an option names."""
    write_file(option, path, content)
    note_written(f"{path} was written")


def run(pairs: Sequence[Pair], options: Options, reports: Reports) -> None:
    """Compare models, report on them, and exit with the documented code.

    Args:
        pairs: each model that TFLite runs, and what PyTorch runs.
        options: how they are compared.
        reports: what is reported; checked with ``Reports.check`` before models were converted.
    """
    models = [conversion for conversion, _ in pairs]
    reports.check_models([conversion.name for conversion in models])
    check_inputs(options, models)
    check_tolerances(options.tolerances, models)
    others = {conversion.name: other for conversion, other in pairs}
    with progress(reports.quiet) as bar:
        outcomes = compare_all(
            bar.track(models, description="comparing with TFLite"),
            lambda conversion: compare_conversion(conversion, options, others[conversion.name]),
        )
    reports.show(outcomes, pairs, options)
    finish(outcomes, reports.quiet)


def comparing(command: Command) -> Command:
    """Give a verb the options of a comparison: ``options``, and ``reports``."""

    @functools.wraps(command)
    def wrapped(
        batch: int | None,
        time_limit: float,
        seed: int,
        tolerances: dict[str, float],
        images: Path | None,
        inputs: Path | Loader | None,
        iterations: int | None,
        reference: str | None,
        html: Path | None,
        junit: Path | None,
        explorer: Path | None,
        repro: Path | None,
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
            iterations=iterations,
            pictures=html is not None,
            reference=reference,
        )
        reports = Reports(html, junit, explorer, repro, force, everything, as_json, quiet)
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
        click.option(
            "--model-explorer",
            "explorer",
            type=FILE,
            metavar="F",
            help="Write node data for Google's Model Explorer; of one model.",
        ),
        click.option(
            "--save-repro",
            "repro",
            type=FolderPath(),
            metavar="DIR",
            help="Save a minimal reproduction of the failing layer, or of the worst one.",
        ),
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
            "--iterations",
            type=click.IntRange(min=1, max=1000),
            help="Samples of each random input, or that a FUNCTION is asked for.  "
            f"[default: 1; {MOST}]",
        ),
        click.option(
            "--inputs",
            type=InputsPath(path_type=Path, dir_okay=False, exists=True),
            metavar="F.npz|FILE.py:FUNCTION",
            help="Run saved inputs, or those that a function yields: an array for each, by the "
            "name that inspect shows.",
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
