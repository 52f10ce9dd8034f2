"""The options and reports that ``parity`` and ``compare`` share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from tflite2torch.comparison import QUICK, compare_pairs
from tflite2torch.console import console
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import ReferenceFailedError, SourceError
from tflite2torch.parity.inputs.loader import MOST, Loader
from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.options import FORMS, Options
from tflite2torch.parity.reference.backends import BACKENDS
from tflite2torch.parity.reports.document import as_document
from tflite2torch.parity.reports.terminal import show_report, show_unknown
from tflite2torch.reporting import Reports
from tflite2torch.user_code import load_object

if TYPE_CHECKING:
    from tflite2torch.comparison import Pair

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
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
class Shown:
    """What is printed, and which reports are written.

    Attributes:
        reports: those that are written.
        everything: whether the table has every layer.
        as_json: whether JSON is printed in place of tables.
        quiet: whether nothing is printed.
    """

    reports: Reports
    everything: bool
    as_json: bool
    quiet: bool

    def show(
        self, outcomes: Mapping[str, Outcome], pairs: Sequence[Pair], options: Options
    ) -> None:
        """Print the outcomes and write the files, even if printing fails on a closed pipe."""
        try:
            self._print(outcomes)
        finally:
            for path in self.reports.write(outcomes, pairs, options):
                note_written(f"{path} was written")

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


def run(pairs: Sequence[Pair], options: Options, shown: Shown) -> None:
    """Compare models, report on them, and exit with the documented code.

    Args:
        pairs: each model that TFLite runs, and what PyTorch runs.
        options: how they are compared.
        shown: what is reported; its reports were checked before models were converted.
    """
    shown.reports.check_models([conversion.name for conversion, _ in pairs])
    with progress(shown.quiet) as bar:
        task = bar.add_task("", total=1)

        def told(conversion: Conversion, done: int, total: int) -> None:
            what = f"comparing {conversion.name} with TFLite, inputs"
            bar.update(task, description=what, completed=done, total=total)

        outcomes = compare_pairs(pairs, options, told)
    shown.show(outcomes, pairs, options)
    finish(outcomes, shown.quiet)


def comparing(command: Command) -> Command:
    """Give a verb the options of a comparison: ``options``, and ``shown``."""

    @functools.wraps(command)
    def wrapped(
        batch: int | None,
        time_limit: float,
        seed: int,
        form: str | None,
        device: str,
        quick: bool,
        tolerances: dict[str, float],
        images: Path | None,
        inputs: Path | Loader | None,
        iterations: int | None,
        reference: str | None,
        html: Path | None,
        junit: Path | None,
        explorer: Path | None,
        repro: Path | None,
        outputs: Path | None,
        force: bool,
        everything: bool,
        as_json: bool,
        quiet: bool,
        **others: Any,
    ) -> None:
        base = QUICK if quick else Options()
        options = replace(
            base,
            batches=base.batches if batch is None else (batch,),
            time_limit=time_limit,
            seed=seed,
            form=form or "",
            device=device,
            tolerances=tolerances,
            images=images,
            inputs=inputs,
            iterations=iterations,
            reference=reference,
        )
        reports = Reports(html, junit, explorer, repro, outputs, force)
        shown = Shown(reports, everything, as_json, quiet)
        command(options=reports.needs(options), shown=shown, **others)

    decorated: Any = wrapped
    for option in (*_report_options(), *_comparison_options()):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _tolerances(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, float]:
    """Read ``NAME=VALUE``; the name may itself hold an equals sign and colons."""
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
        click.option(
            "--save-outputs",
            "outputs",
            type=FolderPath(),
            metavar="DIR",
            help="Save inputs and the outputs of both sides as .npz files.",
        ),
        click.option("--force", is_flag=True, help="Replace files that exist."),
        click.option("--all", "everything", is_flag=True, help="Show every layer."),
    )


def _comparison_options() -> Sequence[Decorator]:
    folder = click.Path(path_type=Path, file_okay=False, exists=True)
    return (
        click.option(
            "--quick",
            is_flag=True,
            help="Compare the outputs for two inputs, and all constants, and nothing else.",
        ),
        click.option(
            "--as",
            "form",
            type=click.Choice(FORMS),
            help="Compare the module compiled, exported, or as ONNX in onnxruntime; its outputs "
            "alone.",
        ),
        click.option(
            "--device",
            default="cpu",
            show_default=True,
            metavar="DEVICE",
            help="Where PyTorch runs, such as cuda; outputs alone are compared there.",
        ),
        click.option(
            "--tolerance",
            "tolerances",
            callback=_tolerances,
            multiple=True,
            metavar="NAME[:STATISTIC]=VALUE",
            help="Override the limit of a layer or a TFLite tensor: of its largest error, or of "
            "a STATISTIC: mean, median, p99.9, psnr or snr.",
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
