"""Comparisons as a table in the terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tflite2torch.parity.align.coverage import Coverage
from tflite2torch.parity.layers.constants import DIFFERENT, EQUAL, HALF
from tflite2torch.parity.layers.report import LayerReport, ParityReport
from tflite2torch.parity.layers.verdict import FLOOR_FACTOR, ULPS

ROWS = 10
"""Layers that are shown by default; all that fail are shown in any case."""

BAR = 10
"""Characters of the bar that shows the error as a share of its limit."""

MIN_NAME = 20
"""Least width of the names; columns are left out before it gets smaller."""

MIN_SAMPLE = 12
"""Least width of an input's name; terminals wider than ``WIDE`` show more of it."""

WIDE = 80

MOST = 3
"""Constants that are named with how much of them was not exercised."""

FOLDED = "◦"
"""Marks a tensor that was folded into a layer; sources of faults are marked by an arrow."""

DEEPER = "*"
"""Marks a limit whose noise floor took more nudged runs than are always made."""


def show_report(console: Console, report: ParityReport, everything: bool) -> None:
    """Print one comparison: its verdict, and its layers, the worst first."""
    covered = report.coverage
    console.print(f"\n[bold]{escape(report.title)}[/bold]")
    for line in report.files:
        console.print(f"  {line}", soft_wrap=True, markup=False)
    _print(console, report.verdict, "green" if report.passed else "red")
    _print(console, describe_coverage(covered))
    if report.constants or report.exercised:
        _print(console, describe_weights(report))
    _print(console, _setting(report))
    for note in report.notes:
        _print(console, note, "yellow")
    # Where many fail because of a few, these come first.
    ranked = sorted(report.worst_first, key=lambda layer: layer.name not in report.sources)
    failing = sum(not layer.passed for layer in ranked)
    shown = ranked if everything else ranked[: max(ROWS, failing)]
    if shown:
        console.print(_table(shown, report.sources, console.width))
    if len(shown) < len(ranked):
        _print(console, f"and {len(ranked) - len(shown)} more that pass; --all shows them")
    if everything:
        for tensor in covered.uncompared:
            reason = tensor.reason or "not known why"
            which = f"tensor {tensor.tensor}, {tensor.operator}: {reason}"
            _print(console, f"not compared: {which}")


def _print(console: Console, line: str, style: str = "") -> None:
    """Print a line under a heading, wrapped between words."""
    console.print(Padding(Text(line, style), (0, 0, 0, 2), expand=False))


def show_unknown(console: Console, name: str) -> None:
    """Print the verdict of a model whose reference could not run."""
    console.print(f"\n[bold]{escape(name)}[/bold]")
    console.print("  not compared: the reference could not run", style="yellow")


def _setting(report: ParityReport) -> str:
    """Return a line on what ran, and how limits are derived."""
    text = f"{report.runtime}, {', '.join(report.kernels)} kernels"
    if report.dtype != "float32":
        text += f"; PyTorch in {report.dtype}"
    return (
        f"{text}; batch {' and '.join(map(str, report.batches))}, seed {report.seed}; "
        f"tolerated: {FLOOR_FACTOR:g} noise floors, or {ULPS:g} ulps"
    )


def describe_coverage(covered: Coverage) -> str:
    """Return a line on how much was compared, how, and how much was not."""
    text = f"{covered.compared} of {covered.total} tensors compared"
    text += f" ({covered.percent:.0f} %)"
    if covered.folded:
        text += (
            f", {covered.folded} of them ({FOLDED}) folded into layers and computed "
            "again from what these get"
        )
    missing = len(covered.uncompared)
    if missing:
        text += f"; {missing} not compared, {len(covered.unexplained)} for no known reason"
    return text


def describe_weights(report: ParityReport) -> str:
    """Return a line on constants compared with the file's, and on weights that were exercised."""
    count = Counter(constant.verdict for constant in report.constants)
    parts = [
        f"{count[verdict]} {verdict}" for verdict in (EQUAL, HALF, DIFFERENT) if count[verdict]
    ]
    text = f"constants beside the file's: {', '.join(parts) or 'not compared'}"
    exercised, total = report.weights
    if total:
        text += f"; {exercised:,} of {total:,} weights exercised"
    most = report.unexercised[:MOST]
    if most:
        named = ", ".join(f"{one.total - one.exercised:,} in {one.key}" for one in most)
        text += f"; the others {'mostly ' * (len(report.unexercised) > MOST)}{named}"
    return text


@dataclass(frozen=True)
class _Column:
    """A column of the table, besides the one that names layers.

    Attributes:
        heading: of one or two lines.
        cell: returns the text for a layer, in markup.
        width: of its longest line.
    """

    heading: str
    cell: Callable[[LayerReport], str]
    width: int = 10


def _table(layers: Sequence[LayerReport], sources: Sequence[str], width: int) -> Table:
    """Return the table, with fewer columns and folded names where it would be too wide."""
    longest = max(len(layer.worst.measures.sample) for layer in layers)
    across = min(longest, max(MIN_SAMPLE, width - WIDE))
    columns = [
        _Column("error", lambda x: f"{x.worst.error:.1e}", 7),
        _Column("limit", lambda x: f"{x.worst.limit:.1e}", 7),
        _Column("error/limit", _bar, 11),
        _Column("all inputs\npass at", lambda x: f"{x.totals.needed:.1e}"),
        _Column(
            "worst on",
            lambda x: escape(fold(x.worst.measures.sample, across)),
            max(across, 8),
        ),
        _Column("floor", lambda x: f"{x.worst.floor:.1e}", 7),
    ]
    while _room(columns, width) < MIN_NAME and len(columns) > 1:
        columns.pop()  # the least important one that is left
    room = _room(columns, width)
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("  layer", no_wrap=True)
    for column in columns:
        left = column.heading == "worst on"
        table.add_column(column.heading, justify="left" if left else "right", no_wrap=True)
    for layer in layers:
        mark = "[red]►[/red]" if layer.name in sources else " "
        if layer.identity.inside:
            mark = FOLDED
        name = fold(layer.name, room - 2).replace("\n", "\n  ")
        cells = [column.cell(layer) for column in columns]
        table.add_row(f"{mark} {escape(name)}", *cells)
    return table


def _room(columns: Sequence[_Column], width: int) -> int:
    """Return the width left for names; each column has a gap of two."""
    return width - sum(column.width + 2 for column in columns)


def fold(name: str, width: int) -> str:
    """Return a name in lines of at most ``width``, broken at dots and spaces.

    A part that is longer is broken at underscores, and anywhere where it has none.
    """
    lines = [""]
    for part in _parts(name, width):
        if len(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _parts(name: str, width: int) -> Iterator[str]:
    """Yield the unbreakable parts, each with the dot or the space at its end."""
    for part in re.findall(r"[^. ]*[. ]|[^. ]+", name):
        if len(part.rstrip()) <= width:
            yield part
            continue
        for piece in re.findall(r"[^_]*_|[^_]+", part):
            yield from (piece[i : i + width] for i in range(0, len(piece), width))


def _bar(layer: LayerReport) -> str:
    filled = round(min(layer.severity, 1) * BAR)
    mark = DEEPER if layer.worst.draws else " "
    colour = "green" if layer.passed else "red"
    return f"[{colour}]{'█' * filled}[/{colour}]{'·' * (BAR - filled)}{mark}"
