"""Fetches the wheel of a requirement, such as ``mediapipe==0.10.21``, to read the models in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tflite2torch.converter.cache import cache_folder
from tflite2torch.converter.errors import SourceError

REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}==[A-Za-z0-9][A-Za-z0-9.!+*-]{0,30}")

PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "macosx_11_0_universal2",
    "macosx_11_0_arm64",
    "win_amd64",
)
"""Any will do: the models in the wheels are the same."""

PYTHONS = ("3.12", "3.11", "3.10", "3.9")


def is_requirement(text: str) -> bool:
    """Return whether a text is ``NAME==VERSION``."""
    return REQUIREMENT.fullmatch(text) is not None


def fetch_wheel(requirement: str) -> Path:
    """Return a wheel of a requirement, from the cache or from pip's index.

    Raises:
        SourceError: pip finds none, or cannot reach its index.
    """
    folder = cache_folder() / "wheels" / requirement.lower()
    found = sorted(folder.glob("*.whl"))
    if found:
        return found[0]
    said = ""
    for python in PYTHONS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary=:all:"]
        command += ["--python-version", python, "--dest", str(folder), requirement]
        for platform in PLATFORMS:
            command += ["--platform", platform]
        process = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        found = sorted(folder.glob("*.whl")) if not process.returncode else []
        if found:
            return found[0]
        errors = [x for x in process.stderr.splitlines() if x.startswith("ERROR: ")]
        said = errors[-1].removeprefix("ERROR: ")[:200] if errors else "pip gave no wheel"
    raise SourceError(
        f"{requirement}: its wheel cannot be fetched: {said}; check the network, or put the wheel "
        f"into {folder}"
    )
