"""CPU time and memory of ``tflite2torch parity`` on one core, TFLite's processes included.

Run as ``python -m benchmarks.parity SOURCE``. It reports and asserts nothing. Each model is
compared on the inputs that the command takes by itself, which are more than the five of the
target: six kinds, and a face.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.process import measure, show, table

TARGETS = {"cpu_seconds": 15.0}
"""The most that the three models of ``face_landmarker.task`` shall take, at every layer."""


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")
def main(source: Path, runs: int, as_json: bool) -> None:
    """Measure the comparison of SOURCE."""
    verb = [sys.executable, "-m", "tflite2torch.cli", "parity", "--quiet"]
    command = [*verb, str(source)]
    measured = [measure(command, one_core=True) for _ in range(runs)]
    if as_json:
        facts = {
            "source": source.name,
            "targets": TARGETS,
            "runs": [asdict(run) for run in measured],
        }
        click.echo(json.dumps(facts, indent=2))
    else:
        show(table(f"parity {source.name}, one core, {runs} runs", measured, TARGETS))


if __name__ == "__main__":
    main()
