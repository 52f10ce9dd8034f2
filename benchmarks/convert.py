"""CPU time and memory of ``tflite2torch convert --no-verify`` as a whole process.

Run as ``python -m benchmarks.convert SOURCE``. It reports and asserts nothing: how fast a
machine is, is not the code's doing.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

TARGETS = {"cpu_seconds": 1.0, "peak_megabytes": 150.0}
"""The most that converting ``face_landmarker.task`` shall take."""

# `ru_maxrss` is in kibibytes, and on macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Run:
    """What one process took.

    Attributes:
        cpu_seconds: user and system time, that of the processes it started included.
        wall_seconds: from its start to its end.
        peak_megabytes: the largest resident set of any of them, in 10⁶ bytes.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_megabytes: float


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", type=click.IntRange(1), default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")
def main(source: Path, runs: int, as_json: bool) -> None:
    """Measure the conversion of SOURCE."""
    torch = imports_torch(source)
    measured = [measure(source) for _ in range(runs)]
    if as_json:
        facts = {
            "source": source.name,
            "imports_torch": torch,
            "targets": TARGETS,
            "runs": [asdict(run) for run in measured],
        }
        click.echo(json.dumps(facts, indent=2))
    else:
        _show(source, measured, torch)


def measure(source: Path) -> Run:
    """Convert SOURCE in a process of its own and return what that took.

    Raises:
        ClickException: the conversion failed.
    """
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        process = subprocess.Popen(_command(source, out), stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{source}: convert ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Run(cpu, wall, usage.ru_maxrss * _RSS_UNIT / 1e6)


def imports_torch(source: Path) -> bool:
    """Return whether a conversion imports torch; also warms the disk cache.

    Raises:
        ClickException: the conversion failed.
    """
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    with tempfile.TemporaryDirectory() as out:
        process = subprocess.run(
            _command(source, out),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    if process.returncode:
        last = process.stderr.strip().rpartition("\n")[2]
        raise click.ClickException(last.removeprefix("error: "))
    return bool(re.search(r"\| +torch$", process.stderr, re.MULTILINE))


def _command(source: Path, out: str) -> list[str]:
    verb = [sys.executable, "-m", "tflite2torch.cli", "convert"]
    return [*verb, "--no-verify", str(source), "-o", out]


def _show(source: Path, runs: Sequence[Run], torch: bool) -> None:
    title = f"convert --no-verify {source.name}, {len(runs)} runs"
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    for heading in ("min", "median", "max", "target"):
        table.add_column(heading, justify="right")
    for figure, unit in (
        ("cpu_seconds", "CPU, s"),
        ("wall_seconds", "wall clock, s"),
        ("peak_megabytes", "peak memory, MB"),
    ):
        values = [getattr(run, figure) for run in runs]
        found = (min(values), statistics.median(values), max(values))
        target = f"≤ {TARGETS[figure]:g}" if figure in TARGETS else ""
        table.add_row(unit, *(f"{value:.3g}" for value in found), target)
    table.add_row("imports torch", "", "yes" if torch else "no", "", "no")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
