"""CPU time and memory of ``tflite2torch convert --no-verify`` as a whole process.

Run as ``python -m benchmarks.convert SOURCE``. It reports and asserts nothing: how fast a
machine is, is not the code's doing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.process import Run, measure, show, table

TARGETS = {"cpu_seconds": 1.0, "peak_megabytes": 150.0}
"""The most that converting ``face_landmarker.task`` shall take."""


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", type=click.IntRange(1), default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")
def main(source: Path, runs: int, as_json: bool) -> None:
    """Measure the conversion of SOURCE."""
    torch = imports_torch(source)
    measured = [_convert(source) for _ in range(runs)]
    if as_json:
        facts = {
            "source": source.name,
            "imports_torch": torch,
            "targets": TARGETS,
            "runs": [asdict(run) for run in measured],
        }
        click.echo(json.dumps(facts, indent=2))
        return
    title = f"convert --no-verify {source.name}, {len(measured)} runs"
    shown = table(title, measured, TARGETS)
    shown.add_row("imports torch", "", "yes" if torch else "no", "", "no")
    show(shown)


def _convert(source: Path) -> Run:
    with tempfile.TemporaryDirectory() as out:
        return measure(_command(source, out))


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


if __name__ == "__main__":
    main()
