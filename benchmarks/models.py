"""Every official model beside TFLite, layer by layer: what ``tflite2torch parity`` finds.

``python -m benchmarks.models SOURCE…`` runs the command, alone and in batches, and prints
what its JSON says as a table in Markdown; ``--write README.md`` puts it between the marks
that the file has for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from benchmarks import markdown

BATCHES = (1, 4)
HEADINGS = ["model", "from", "operators", "values compared", "coverage", "folded"]
HEADINGS += ["error", "noise floor", "error / tolerated", "verdict"]

COMMAND = [sys.executable, "-m", "tflite2torch.cli"]
FAILED = (0, 1, 3)
"""Exit codes with which there is a JSON: what does not pass is part of the table."""


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--write",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A Markdown file to put the table into.",
)
def main(sources: tuple[Path, ...], write: Path | None) -> None:
    """Compare every model of SOURCES with TFLite and print a table."""
    facts = _run("inspect", sources)
    runs = [_run("parity", sources, f"--batch={batch}") for batch in BATCHES]
    rows = [_row(about, runs) for about in facts]
    table = markdown.table(HEADINGS, "llrrrrrrrl", rows)
    if write is None:
        click.echo(table, nl=False)
    else:
        markdown.put(write, "models", table)


def _run(verb: str, sources: Iterable[Path], *options: str) -> list[dict[str, Any]]:
    """Return what a verb says of the models.

    Raises:
        ClickException: it could not be called so.
    """
    command = [*COMMAND, verb, "--json", *options, *map(str, sources)]
    process = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8")
    if process.returncode not in FAILED or not process.stdout:
        raise click.ClickException(f"{verb} ended with {process.returncode}")
    models: list[dict[str, Any]] = json.loads(process.stdout)["models"]
    return models


def _row(about: dict[str, Any], runs: Iterable[list[dict[str, Any]]]) -> list[str]:
    """Return the line of a model: the value that goes furthest of what is tolerated."""
    found = [model for run in runs for model in run if model["name"] == about["name"]]
    source = about["source"].rsplit("/", 1)[0]
    cells = [
        f"`{Path(about['source']).stem}`",
        _origin(source),
        str(sum(about["operators"].values())),
    ]
    ran = [model for model in found if model["passed"] is not None]
    if not ran or len(ran) < len(found):
        return [*cells, *[""] * 6, "not compared"]
    layers = [layer for model in ran for layer in model["layers"]]
    worst = max(layers, key=lambda layer: float(layer["severity"]))
    covered = min((m["coverage"] for m in ran), key=lambda c: c["compared"])
    passed = all(model["passed"] for model in ran)
    return [
        *cells,
        str(len(ran[0]["layers"])),
        f"{100 * covered['compared'] / covered['total']:.0f} %",
        str(covered["folded"] or ""),
        f"{float(worst['error']):.1e}",
        f"{float(worst['floor']):.1e}",
        f"{float(worst['severity']):.2f}",
        "passes" if passed else "**fails**",
    ]


def _origin(source: str) -> str:
    """Return where a model came from, as readers know it."""
    if source.startswith("mediapipe-"):
        return "MediaPipe " + source.split("-")[1]
    return "its own file" if source.endswith(".tflite") else f"`{source}`"


if __name__ == "__main__":
    main()
