"""Tables in Markdown, and their places in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def table(headings: Sequence[str], columns: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table. In ``columns`` stands an ``l`` or ``r`` for each: left or right."""
    rule = ["---" if column == "l" else "--:" for column in columns]
    return "".join(f"| {' | '.join(line)} |\n" for line in (headings, rule, *rows))


def put(page: Path, mark: str, text: str) -> None:
    """Replace what stands in a page between the comments ``mark: begin`` and ``mark: end``.

    Raises ValueError for a page without them.
    """
    begin, end = (f"<!-- {mark}: {edge} -->\n" for edge in ("begin", "end"))
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")
