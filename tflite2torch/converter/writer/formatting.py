"""Source text → formatted source text, by ruff."""

from __future__ import annotations

import subprocess

from ruff.__main__ import find_ruff_bin

COMMAND = ["format", "--isolated", "--no-cache", "--target-version", "py310", "-"]
"""Ruff's defaults, whatever configuration lies around."""


def format_source(source: str) -> str:
    """Return source as ``ruff format`` leaves it."""
    process = subprocess.run(
        [find_ruff_bin(), *COMMAND],
        input=source,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return process.stdout
