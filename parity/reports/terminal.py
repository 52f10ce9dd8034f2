"""Comparisons as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from parity.judge import FLOOR_FACTOR, ULPS
from parity.layers.report import Coverage, LayerReport, ParityReport

ROWS = 10
"""How many layers are shown unless all are wanted; all that fail are shown in any case."""

BAR = 10
"""Characters of the bar that shows an error against what is tolerated."""


FOLDED = "◦"
"""Marks what was folded into a layer; the source of a fault has an arrow."""


def show_report(console: Console, report: ParityReport, everything: bool) -> None:
    """Print one comparison: its verdict, its layers worst first, and what it leaves out."""
    colour = "green" if report.passed else "red"
    console.print(f"\n[bold]{escape(report.title)}[/bold]")
    for line in report.files:
        console.print(f"  {line}", soft_wrap=True, markup=False)
    console.print(f"  {escape(report.verdict)}", style=colour, soft_wrap=True)
    covered = report.coverage
    console.print(f"  {describe_coverage(covered)}", soft_wrap=True)
    console.print(f"  {_setting(report)}", soft_wrap=True, markup=False)
    for note in report.notes:
        console.print(f"  {note}", style="yellow", soft_wrap=True, markup=False)
    ranked = report.worst_first
    failing = sum(not layer.passed for layer in ranked)
    shown = ranked if everything else ranked[: max(ROWS, failing)]
    if shown:
        console.print(_table(shown, report.sources))
    if len(shown) < len(ranked):
        console.print(
            f"  and {len(ranked) - len(shown)} more that pass; --all shows them"
        )
    if everything:
        for tensor in covered.uncompared:
            reason = tensor.reason or "not known why"
            console.print(
                f"  not compared: tensor {tensor.tensor}, {tensor.operator}: {reason}",
                markup=False,
                highlight=False,
            )


def show_unknown(console: Console, name: str) -> None:
    """Print the verdict of a model whose reference could not run."""
    console.print(f"\n[bold]{escape(name)}[/bold]")
    console.print("  not compared: the reference could not run", style="yellow")


def _setting(report: ParityReport) -> str:
    """Say what ran, and what is tolerated."""
    text = f"{report.runtime}, {', '.join(report.kernels)} kernels"
    if report.dtype != "float32":
        text += f"; PyTorch in {report.dtype}"
    return (
        f"{text}; batch {report.batch}, seed {report.seed}; "
        f"tolerated: {FLOOR_FACTOR:g} noise floors, or {ULPS:g} ulps"
    )


def describe_coverage(covered: Coverage) -> str:
    """Say how much was compared, how, and how much was not."""
    text = f"{covered.compared} of {covered.total} tensors compared"
    text += f" ({covered.percent:.0f} %)"
    if covered.folded:
        text += (
            f", {covered.folded} of them ({FOLDED}) folded into layers and computed "
            "again from what these get"
        )
    missing = len(covered.uncompared)
    if missing:
        text += f"; {missing} not compared, {covered.unexplained} for no known reason"
    return text


def _table(layers: Sequence[LayerReport], sources: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("  layer", overflow="fold", min_width=20)
    for heading in ("error", "floor", "error/limit", "needs"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worst on", overflow="fold")
    for layer in layers:
        mark = "[red]►[/red]" if layer.name in sources else " "
        if layer.inside:
            mark = FOLDED
        table.add_row(
            f"{mark} {escape(layer.name)}",
            f"{layer.error:.1e}",
            f"{layer.floor:.1e}",
            _bar(layer),
            f"{layer.needed:.1e}",
            escape(layer.sample),
        )
    return table


def _bar(layer: LayerReport) -> str:
    filled = round(min(layer.severity, 1) * BAR)
    colour = "green" if layer.passed else "red"
    return f"[{colour}]{'█' * filled}[/{colour}]{'·' * (BAR - filled)}"
