"""Source is formatted as ruff formats it by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from tflite2torch.converter.writer.formatting import format_source


def test_it_is_what_ruff_makes_of_it() -> None:
    assert format_source("x = { 'a':1 }\n\n\n\ny=2") == 'x = {"a": 1}\n\n\ny = 2\n'


def test_configuration_that_lies_around_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ruff.toml").write_text("[format]\nquote-style = 'single'\n")
    monkeypatch.chdir(tmp_path)
    assert format_source("x = 'a'") == 'x = "a"\n'
