"""What all verbs have in common: their sources, and how much they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

Command = TypeVar("Command", bound=Callable[..., Any])


def common(command: Command) -> Command:
    """Give a verb its SOURCE arguments and -q, -v and --json."""
    for decorate in (
        click.option(
            "--json", "as_json", is_flag=True, help="Print JSON, nothing else."
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Say more; show where an error came from.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
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


def progress(quiet: bool) -> Progress:
    """Return a progress bar on standard error; none where that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
