"""Runs the command line in a process of its own, through its entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def run(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    python: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run ``tflite2torch`` with arguments, in a folder; return what it printed.

    Args:
        arguments: such as ``convert``, ``model.tflite``.
        cwd: the folder that it is called in.
        env: what is added to the environment.
        python: options of the interpreter.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *python, "-m", "tflite2torch.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **(env or {})},
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        check=False,
    )
