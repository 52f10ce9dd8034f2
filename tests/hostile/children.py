"""Judges files in child processes, which hostile files may take down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

Item = str | int
"""The path of a file, or the number of a mutant."""


@dataclass(frozen=True)
class Verdict:
    """What came of a file: converted, invalid, unsupported, or failed; and why."""

    kind: str
    message: str


def judge(
    models: Sequence[Path], items: Sequence[Item], seed: int = 0, jobs: int = 2
) -> dict[Item, Verdict]:
    """Judge files, or mutants of good models, by some children at once."""
    shares = [items[job::jobs] for job in range(jobs)]
    with ThreadPoolExecutor(jobs) as pool:
        judged = pool.map(lambda share: dict(_judge(models, share, seed)), shares)
        return {item: verdict for part in judged for item, verdict in part.items()}


def _judge(
    models: Sequence[Path], items: Sequence[Item], seed: int
) -> Iterator[tuple[Item, Verdict]]:
    """Judge a share; where a file takes the child down, go on behind it."""
    while items:
        task = {
            "models": [str(path) for path in models],
            "items": [*items],
            "seed": seed,
        }
        child = subprocess.run(
            [sys.executable, "-m", "tests.hostile.worker"],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [json.loads(line) for line in child.stdout.splitlines()]
        for asked, answer in zip(lines[::2], lines[1::2], strict=False):
            yield asked["item"], Verdict(answer["verdict"], answer["message"])
        done = len(lines) // 2
        if len(lines) % 2:
            message = f"exit status {child.returncode}: {child.stderr[-2000:]}"
            yield items[done], Verdict("failed", message)
            done += 1
        elif child.returncode:
            raise RuntimeError(f"the child ended with {child.stderr}")
        items = items[done:]
