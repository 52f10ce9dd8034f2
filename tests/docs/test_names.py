"""The paths and names that the pages for engineers mention exist."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.converter.test_imports import ALLOWED
from tests.support.command import ROOT

PAGES = [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]

PACKAGE = ROOT / "tflite2torch"
FOLDERS = [ROOT, PACKAGE, PACKAGE / "converter"]
"""What paths may begin at."""

PACKAGES = ["", "tflite2torch", "tflite2torch.converter"]
PACKAGES += [f"{PACKAGES[-1]}.frontends.tflite", f"{PACKAGES[-1]}.graph"]
"""What dotted names may begin at."""

OUTSIDE = ("F", "fx", "nn", "torch", "stage2", "regressor_8")
"""What else names may begin with."""

ADDED = re.compile(r"toy|silu|cumsum|SEResidual", re.IGNORECASE)
"""What the walks add."""


def mentioned(page: Path) -> Iterator[str]:
    """Yield what stands in backticks in a page, blocks of code aside."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    for token in re.findall(r"`([^`\n]+)`", text):
        if not ADDED.search(token):
            yield token.removesuffix("()")


def is_path(token: str) -> bool:
    return bool(re.fullmatch(r"[\w./-]+\.(py|md|txt|svg)|[\w.-]+(/[\w.-]+)*/", token))


def is_name(token: str) -> bool:
    dotted = re.fullmatch(r"[A-Za-z]\w*(\.[A-Za-z_]\w*)+", token)
    file = re.search(r"\.(py|md|svg|tflite|json|whl|toml|onnx|npz)$", token)
    word = re.fullmatch(r"[A-Z]\w*[a-z]\w*|[a-z]+_\w+", token)
    return bool(dotted or word) and not file and token.split(".")[0] not in OUTSIDE


def resolves(name: str) -> bool:
    """Return whether a dotted name is that of a module, or of something in one."""
    for package in PACKAGES:
        parts = [*package.split("."), *name.split(".")] if package else name.split(".")
        for end in range(len(parts), 0, -1):
            module = PACKAGE.parent.joinpath(*parts[:end])
            file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
            if file.exists():
                text = file.read_text("utf-8")
                if all(re.search(rf"\b{part}\b", text) for part in parts[end:]):
                    return True
                break
    owner, *members = name.split(".")
    sources = [*PACKAGE.rglob("*.py"), *(ROOT / "tests/support").glob("*.py")]
    texts = [path.read_text("utf-8") for path in sources]
    if not members:
        return any(re.search(rf"\b{name}\b", text) for text in texts)
    return any(
        re.search(rf"^class {owner}\b", text, re.M)
        and all(re.search(rf"\b{member}\b", text) for member in members)
        for text in texts
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    paths = {token for token in mentioned(page) if is_path(token)}
    assert len(paths) > 10
    missing = [p for p in paths if not any((f / p).exists() for f in FOLDERS)]
    files = {path.name for path in PACKAGE.rglob("*.py")}
    missing = sorted(p for p in missing if "/" in p or p not in files)
    assert not missing, f"{page.name} mentions what is not there: {', '.join(missing)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_exist(page: Path) -> None:
    names = {token for token in mentioned(page) if is_name(token)}
    assert names
    missing = sorted(name for name in names if not resolves(name))
    assert not missing, f"{page.name} mentions what is not there: {', '.join(missing)}"


def test_printed_nodes_have_such_fields() -> None:
    blocks = re.findall(r"^```\n(.*?)^```", PAGES[0].read_text("utf-8"), re.S | re.M)
    words = set(re.findall(r"\w+(?=\()|\w+(?==)", "".join(blocks)))
    assert len(words) > 5
    missing = sorted(word for word in words if not resolves(word))
    assert not missing, f"architecture.md prints what no node has: {', '.join(missing)}"


def test_code_imports_what_exists() -> None:
    text = PAGES[1].read_text("utf-8")
    modules = re.findall(r'^ *```python\n( *""".*?)^ *```', text, re.S | re.M)
    imports = [
        f"{node.module}.{alias.name}"
        for module in modules
        for node in ast.parse(textwrap.dedent(module)).body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("t")
        for alias in node.names
    ]
    assert len(imports) > 20
    missing = sorted(n for n in imports if not ADDED.search(n) and not resolves(n))
    assert not missing, f"CONTRIBUTING.md imports what is not there: {missing}"


def test_what_does_not_exist_is_found() -> None:
    assert resolves("parity.align.trace")
    assert resolves("Graph.verify")
    assert not resolves("parity.layers.check")
    assert not resolves("Graph.verifies")
    assert is_path("converter/")
    assert is_path("convert.py")
    assert not is_path("N, C, H, W")


def test_the_picture_shows_every_room() -> None:
    picture = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
    names = re.findall(r'font-weight="bold"[^>]*>([^<]+)<', picture)
    shown = {name for text in names for name in text.split(", ")}
    for room in ALLOWED:
        name = room.removeprefix("converter.").replace(".", "/") or "tflite2torch"
        assert name in shown | {"errors", "version"}, f"docs/architecture.svg lacks {name}"
