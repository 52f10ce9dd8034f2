"""What a whole process takes: CPU time, wall clock and memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

# `ru_maxrss` is in kibibytes, and on macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024

FIGURES = {
    "cpu_seconds": "CPU, s",
    "wall_seconds": "wall clock, s",
    "peak_megabytes": "peak memory, MB",
}


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


def measure(command: Sequence[str], *, one_core: bool = False) -> Run:
    """Run a command in a process of its own and return what that took.

    Args:
        command: a program and its arguments; what it prints on standard output is dropped.
        one_core: whether it has one core only, where the system can see to that.

    Raises:
        ClickException: it failed.
    """
    before: set[int] = set()
    if one_core and hasattr(os, "sched_setaffinity"):
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)})  # what is started has what we have
    start = time.perf_counter()
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    finally:
        if before:
            os.sched_setaffinity(0, before)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{command[-1]}: ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Run(cpu, wall, usage.ru_maxrss * _RSS_UNIT / 1e6)


def table(title: str, runs: Sequence[Run], targets: Mapping[str, float]) -> Table:
    """Return a table of the figures, beside the most that they shall be."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("figure")
    for heading in ("min", "median", "max", "target"):
        shown.add_column(heading, justify="right")
    for figure, unit in FIGURES.items():
        values = [getattr(run, figure) for run in runs]
        found = (min(values), statistics.median(values), max(values))
        target = f"≤ {targets[figure]:g}" if figure in targets else ""
        shown.add_row(unit, *(f"{value:.3g}" for value in found), target)
    return shown


def show(shown: Table) -> None:
    """Print a table."""
    Console(highlight=False).print(shown)
