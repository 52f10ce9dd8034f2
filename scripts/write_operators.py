"""Writes docs/operators.md from the registry of operators and their tests.

``python scripts/write_operators.py`` writes it; a test checks that it is current.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from tflite2torch.converter.frontends.tflite.operators.registry import (
    CUSTOM_OPERATORS,
    OPERATORS,
    Builder,
)

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "operators.md"
TESTS = ROOT / "tests" / "converter" / "frontends" / "tflite" / "operators"

INTRODUCTION = """\
# Operators

What the converter understands, generated from its registry by `make docs`. "Refused" quotes
what the code says of a file that asks for more; constants may be stored as float32, float16,
int8 or uint8, dense or sparse. Each operator is compared with TFLite's reference kernels, or
where MediaPipe defines it with MediaPipe's, in the tests named.

| operator | attributes | refused | tests |
| --- | --- | --- | --- |
"""


def operators_page() -> str:
    """Return the page's text."""
    rows = [_row(name, "", entry.build) for name, entry in sorted(OPERATORS.items())]
    rows += [
        _row(name, f" (MediaPipe, version {version})", builder)
        for name, versions in sorted(CUSTOM_OPERATORS.items())
        for version, builder in sorted(versions.items())
    ]
    return INTRODUCTION + "".join(rows)


def _row(name: str, kind: str, builder: Builder) -> str:
    purpose = inspect.cleandoc(builder.__doc__ or "").split("\n\n")[0]
    refused = "; ".join(_refusals(builder)) or "-"
    tests = ", ".join(f"`{path.name}`" for path in _tests(name)) or "none"
    cells = [f"`{name}`{kind}", purpose.replace("\n", " "), refused, tests]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _refusals(builder: Builder) -> list[str]:
    """Return the messages with which an operator's function refuses a file."""
    source = inspect.getsource(builder)
    raised = re.findall(r"raise NotSupportedError\(\s*(.*?)\s*\)\n", source, re.DOTALL)
    return [_message(text) for text in raised]


def _message(text: str) -> str:
    """Return the text of string literals, with what they insert as three dots."""
    parts = re.findall(r'f?"((?:[^"\\]|\\.)*)"', text)
    return re.sub(r"\{[^}]*\}", "…", "".join(parts))


def _tests(name: str) -> list[Path]:
    paths = sorted(TESTS.glob("test_*.py"))
    return [path for path in paths if f'"{name}"' in path.read_text(encoding="utf-8")]


if __name__ == "__main__":
    PAGE.write_text(operators_page(), encoding="utf-8")
