"""Arguments, progress bars, errors and exit codes that all verbs share."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tflite2torch.converter.errors import Tflite2TorchError

if TYPE_CHECKING:
    from rich.progress import Progress

    from tflite2torch.converter.frontends.file import ModelFile
    from tflite2torch.parity.layers.report import Outcome

Command = TypeVar("Command", bound=Callable[..., Any])


class SourcePath(click.Path):
    """A path that is read, or the name of an official model; neither empty nor a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Raise SourceError where it is that, or the model cannot be downloaded."""
        from tflite2torch.download import find_source  # imports numpy

        with progress(quiet=False) as bar:
            task = bar.add_task(f"downloading {value}", total=None, visible=False)
            return find_source(
                value,
                lambda done, total: bar.update(
                    task, completed=done, total=total or None, visible=True
                ),
            )


class FolderPath(click.Path):
    """The path of a folder to write to, which is not empty."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Raise OutputError where it is empty."""
        from tflite2torch.converter.output import folder_path

        return folder_path(value)


def common(command: Command) -> Command:
    """Give a verb its SOURCE arguments and -q, -v and --json."""
    sources = click.argument(
        "sources", metavar="SOURCE...", nargs=-1, required=True, type=SourcePath()
    )
    return printing(sources(command))


def printing(command: Command) -> Command:
    """Give a verb -q, -v and --json."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else."),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Verbose output and tracebacks.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    ):
        command = decorate(command)
    return command


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.ensure_object(dict)["verbose"] = value
    return value


def verbose() -> bool:
    """Return whether -v was given."""
    return bool(click.get_current_context().obj.get("verbose"))


def note_written(what: str) -> None:
    """Note what is there if Ctrl-C ends the call from now on, for the message that it ends with."""
    click.get_current_context().obj.setdefault("written", []).append(what)


def print_json(document: Mapping[str, Any]) -> None:
    """Print the one JSON document of a call with --json."""
    click.get_current_context().obj["json"] = False  # an error after it is no second one
    click.echo(json.dumps(document, indent=2, allow_nan=False))


def tell_repeated(file: ModelFile, first: ModelFile) -> None:
    """Print on standard error that a model was given twice, without -q."""
    if not click.get_current_context().params["quiet"]:
        click.echo(f"note: {file.label} is {first.label} again; it counts once", err=True)


def tell_error(error: Exception, text: str | None = None) -> None:
    """Print an error on standard error, in one line; with -v after its traceback."""
    if verbose():
        traceback.print_exception(error)
    click.echo(f"error: {error if text is None else text}", err=True)


def print_error(kind: str, message: str, exit_code: int, **more: Any) -> None:
    """Print the error that ends a call as JSON, with --json and where no JSON was printed."""
    if click.get_current_context().obj.get("json"):
        facts = {"kind": kind, "message": message, "exit_code": exit_code, **more}
        print_json({"error": facts})


def finish(outcomes: Mapping[str, Outcome], quiet: bool) -> None:
    """Exit with the documented code unless all models pass.

    Prints an error for each model that was not compared and, with -q, where no table shows it,
    for each that fails. One that fails makes the code 1, whatever became of others.
    """
    codes = []
    for name, outcome in outcomes.items():
        if isinstance(outcome, Tflite2TorchError):
            codes.append(outcome.exit_code)
            tell_error(outcome)
        elif not outcome.passed:
            codes.append(1)
            if quiet:
                click.echo(f"error: {name}: {outcome.verdict}", err=True)
    if codes:
        click.get_current_context().exit(min(codes))


def progress(quiet: bool) -> Progress:
    """Return a progress bar on standard error; it is hidden unless that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from tflite2torch.console import console

    terminal = console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=terminal,
        transient=True,
        disable=quiet or not terminal.is_terminal,
    )
