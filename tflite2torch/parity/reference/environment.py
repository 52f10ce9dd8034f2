"""The virtual environment of MediaPipe's own runtime: where it is, and how it is made.

It is apart from that of the user, for the last version that carries the models needs NumPy 1 and
an older Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tflite2torch.converter.cache import cache_folder
from tflite2torch.converter.errors import (
    MissingDependencyError,
    OutputError,
    ReferenceFailedError,
)

PYTHON = "TFLITE2TORCH_REFERENCE_PYTHON"
"""The variable that names another environment's Python, in place of that which is made here."""

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

INSTALL = f"run: tflite2torch reference (or set {PYTHON} to a Python with mediapipe==0.10.21)"
"""What makes the runtime available."""

CANDIDATES = ("python3.12", "python3.11", "python3.10", "python3")
"""Where a Python is looked for, besides that which runs this: MediaPipe 0.10.21 is built for 3.9
to 3.12, and the worker needs 3.10."""

SUITS = "import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 13))"


def environment_folder() -> Path:
    """Return the folder of the environment in the user's cache, whether it exists or not."""
    return cache_folder() / "mediapipe-0.10.21"


def reference_python() -> Path:
    """Return the path of the environment's Python, whether it exists or not."""
    named = os.environ.get(PYTHON)
    return Path(named) if named else environment_folder() / "bin" / "python"


def make_environment() -> Path:
    """Make the environment, in place of one that is there; return its folder.

    It appears when it is complete: where making it fails, or is interrupted, what was there
    before stays.

    Raises:
        MissingDependencyError: no Python that MediaPipe is built for is found.
        OutputError: the folder cannot be written.
        ReferenceFailedError: the packages cannot be installed.
    """
    python = _find_python()
    folder = environment_folder()
    number = os.urandom(4).hex()
    new, old = (folder.with_name(f".{folder.name}-{kind}-{number}") for kind in ("new", "old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run([python, "-m", "venv", str(new)])
        pip = [str(new / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        options = ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        _run([*pip, *options, "--requirement", str(REQUIREMENTS)])
        # Only its Python is called, which does not mind that the folder is moved.
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except OSError as error:
        cause = error.strerror or error
        raise OutputError(
            f"{folder}: cannot be written: {cause}; set XDG_CACHE_HOME to a folder that can"
        ) from error
    finally:
        if old.exists() and not folder.exists():  # cut off between the two renames
            old.rename(folder)
        for path in (new, old):
            shutil.rmtree(path, ignore_errors=True)
    return folder


def _find_python() -> str:
    """Return the first Python that MediaPipe is built for and that can make environments."""
    for name in (sys.executable, *CANDIDATES):
        found = shutil.which(name) if name else None
        command = [found or "", "-I", "-c", SUITS]
        if found and not subprocess.run(command, capture_output=True).returncode:
            return found
    raise MissingDependencyError(
        "no Python 3.10, 3.11 or 3.12 with the module venv is found, which MediaPipe 0.10.21 "
        f"needs; install one, so that {', '.join(CANDIDATES[:-1])} is a command "
        "(on Debian with its package python3-venv)"
    )


def _run(command: Sequence[str]) -> None:
    process = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if process.returncode:
        said = (process.stderr.strip() or process.stdout.strip()).splitlines()
        last = said[-1].removeprefix("ERROR: ")[:300] if said else "without a message"
        raise ReferenceFailedError(
            f"MediaPipe's runtime could not be installed: {last}; "
            "check the network and pip's settings, and run tflite2torch reference again"
        )
