"""The rooms of ``parity`` import one way, and workers import next to nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tflite2torch

PARITY = Path(tflite2torch.__file__).parent / "parity"

ROOMS = ["distances", "reference", "inputs", "options", "align", "layers", "reports"]
"""Each imports those before it, itself, and the converter."""

LIGHT = {"numpy", "tflite2torch"}
"""What a worker may import beside the standard library."""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_rooms_import_one_way() -> None:
    found = 0
    for path in PARITY.rglob("*.py"):
        name = path.relative_to(PARITY).parts[0].removesuffix(".py")
        room = -1 if name == "__init__" else ROOMS.index(name)
        for module in imported(path):
            if not module.startswith("tflite2torch."):
                continue
            _, package, *rest = module.split(".")
            assert package in ("converter", "parity"), f"{path} imports {module}"
            if package == "parity" and rest:
                assert ROOMS.index(rest[0]) <= room, f"{path} imports {module}"
                found += 1
    assert found > 50


def test_workers_are_light() -> None:
    """MediaPipe's environment has nothing else."""
    script = (
        "import sys; before = set(sys.modules); "
        "import tflite2torch.parity.reference.mediapipe_worker; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    packages = set(shown.stdout.split()) - sys.stdlib_module_names
    assert {name for name in packages if not name.startswith("_")} <= LIGHT
