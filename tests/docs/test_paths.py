"""What the pages point to is there."""

import re
from pathlib import Path

import pytest

from tests.support.command import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tflite2torch/*/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_checks_of_files_are_where_the_page_on_security_says() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    (home,) = re.findall(r"^Files are in `(.+)`\.$", text, re.MULTILINE)
    table = re.findall(r"^\|.*\| `([^`]+)`.* \|$", text, re.MULTILINE)
    assert len(table) > 5
    for path in table:
        assert (ROOT / home / path).exists(), path
