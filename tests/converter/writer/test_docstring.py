"""The docstring of an emitted module."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.version import __version__
from tflite2torch.converter.writer.docstring import plain


@given(st.text(), st.integers(1, 200))
def test_any_text_becomes_one_short_line_that_cannot_end_it(
    text: str, longest: int
) -> None:
    kept = plain(text, longest)
    assert len(kept) <= longest
    assert kept.isascii()
    assert not set(kept) & set("\n\r\t\"'\\{}\x00")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('Detects "faces".\nimport os', "Detects faces . import os"),
        ("  two   words ", "two words"),
        ("лицо", ""),
        ("one two three", "one two"),
    ],
)
def test_what_is_kept(text: str, kept: str) -> None:
    assert plain(text, 10 if text.startswith("one") else 60) == kept


def test_it_says_what_the_module_came_from_and_what_goes_in_and_out(
    converted: Callable[[str], Conversion],
) -> None:
    conversion = converted("face_detector")
    docstring = ast.get_docstring(ast.parse(conversion.source))
    assert docstring is not None
    said = " ".join(docstring.split())
    assert (
        f"tflite2torch {__version__} from face_landmarker.task/face_detector.tf" in said
    )
    assert conversion.file.sha256 in said
    assert "(N, 3, 128, 128) in [-1, 1]" in said
    assert "regressors (N, 896, 16)" in said
    assert "classificators (N, 896, 1)" in said
