"""``tflite2torch reference``."""

from __future__ import annotations

import os

import click

from tflite2torch.commands.options import note_written, print_json, printing
from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.parity.reference.environment import (
    PYTHON,
    make_environment,
    reference_python,
)


@click.command()
@printing
@click.option("--force", is_flag=True, help="Make it anew where it is there.")
def reference(force: bool, quiet: bool, as_json: bool) -> None:
    """Install MediaPipe's own runtime, which compares models that have its operators.

    It takes a Python 3.10, 3.11 or 3.12, whose pip downloads three packages. They go into an
    environment of their own, in the folder tflite2torch of $XDG_CACHE_HOME or ~/.cache; to
    undo it, remove that.
    """
    python = reference_python()
    named, found = os.environ.get(PYTHON), python.is_file()
    if named and not found:
        raise MissingDependencyError(
            f"{PYTHON}={named}: there is no such Python; correct it, or unset it to have one made"
        )
    made = not named and (force or not found)
    if made:
        if not quiet and not as_json:
            click.echo("installing MediaPipe's runtime; this takes a minute", err=True)
        note_written(f"{make_environment()} was made")
    if as_json:
        print_json({"python": str(python), "made": made})
    elif not quiet:
        click.echo(f"MediaPipe's runtime {'is installed' if made else 'was there'}: {python}")
