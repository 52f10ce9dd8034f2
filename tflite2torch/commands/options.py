"""Arguments, progress bars, errors and exit codes that all verbs share."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tflite2torch.converter.errors import ReferenceFailedError

if TYPE_CHECKING:
    from rich.progress import Progress

    from tflite2torch.parity.layers.report import Outcome

Command = TypeVar("Command", bound=Callable[..., Any])


def common(command: Command) -> Command:
    """Give a verb its SOURCE arguments and -q, -v and --json."""
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
        click.argument(
            "sources",
            metavar="SOURCE...",
            nargs=-1,
            required=True,
            type=click.Path(path_type=Path),
        ),
    ):
        command = decorate(command)
    return command


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.ensure_object(dict)["verbose"] = value
    return value


def verbose() -> bool:
    """Return whether -v was given."""
    return bool(click.get_current_context().obj.get("verbose"))


def tell_error(error: Exception, text: str | None = None) -> None:
    """Print an error on standard error, in one line; with -v after its traceback."""
    if verbose():
        traceback.print_exception(error)
    click.echo(f"error: {error if text is None else text}", err=True)


def finish(outcomes: Mapping[str, Outcome], quiet: bool) -> None:
    """Exit with the documented code unless all models pass.

    Prints an error for each model whose reference could not run and, with -q, where no table
    shows it, for each that fails. One that fails makes the code 1, whatever became of others.
    """
    failed, unknown = False, False
    for name, outcome in outcomes.items():
        if isinstance(outcome, ReferenceFailedError):
            unknown = True
            tell_error(outcome)
        elif not outcome.passed:
            failed = True
            if quiet:
                click.echo(f"error: {name}: {outcome.verdict}", err=True)
    if failed or unknown:
        click.get_current_context().exit(1 if failed else ReferenceFailedError.exit_code)


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
