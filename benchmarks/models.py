"""Every official model beside TFLite: operators, parameters, error, noise floor, ratio.

``python -m benchmarks.models SOURCE…`` prints the table as Markdown;
``--write README.md`` puts it between the marks that the file has for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import click
from rich.progress import track

from converter.convert import Conversion, convert_model
from converter.reader.sources import read_sources
from parity.report import ModelReport
from tflite2torch.verification import verify

BATCHES = (1, 2, 5)
RANDOM_INPUTS = 10
BEGIN, END = "<!-- models: begin -->\n", "<!-- models: end -->\n"


@click.command()
@click.argument(
    "sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)
@click.option(
    "--write",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A Markdown file to put the table into.",
)
def main(sources: tuple[Path, ...], write: Path | None) -> None:
    """Compare every model of SOURCES with TFLite and print a table."""
    files = list(read_sources(sources))
    rows = []
    for file in track(files, "comparing", transient=True):
        conversion = convert_model(file)
        rows.append(_row(conversion, verify(conversion, BATCHES, RANDOM_INPUTS)))
    table = _table(rows)
    if write is None:
        click.echo(table, nl=False)
    else:
        before, rest = write.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        write.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")


def _row(conversion: Conversion, report: ModelReport) -> list[str]:
    worst = max(report.outputs, key=lambda output: output.ratio, default=None)
    measured = ["", "", "", "not compared"]
    if worst is not None:
        verdict = "passes" if report.passed else "**fails**"
        ratio = "inf" if math.isinf(worst.ratio) else f"{worst.ratio:.2f}"
        measured = [f"{worst.error:.1e}", f"{worst.floor:.1e}", ratio, verdict]
    source = conversion.file.label.rsplit("/", 1)[0]
    counts = [str(conversion.operators), f"{conversion.parameters:,}"]
    return [f"`{conversion.name}`", _origin(source), *counts, *measured]


def _origin(source: str) -> str:
    """Return where a model came from, as readers know it."""
    if source.startswith("mediapipe-"):
        return "MediaPipe " + source.split("-")[1]
    return "its own file" if source.endswith(".tflite") else f"`{source}`"


def _table(rows: Iterable[list[str]]) -> str:
    headings = ["model", "from", "operators", "parameters"]
    headings += ["error", "noise floor", "ratio", "verdict"]
    rule = ["---", "---", "--:", "--:", "--:", "--:", "--:", "---"]
    lines = [headings, rule, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
