"""The docstrings of an emitted module and of its classes."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.nodes import (
    block,
    conv,
    depthwise,
    graph,
    image,
    narrowed,
    pool,
    prelu,
    result,
    step,
    widened,
)
from tests.support.official import FACTS
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.motifs import CHAINS, motifs_of
from tflite2torch.converter.structure.structure import Block, Skipped, uses_of_classes
from tflite2torch.converter.structure.variants import align_variants
from tflite2torch.converter.version import __version__
from tflite2torch.converter.writer.docstring import block_description, plain


@given(st.text(), st.integers(1, 200))
def test_any_text_becomes_one_short_line_that_cannot_end_it(text: str, longest: int) -> None:
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
    assert f"tflite2torch {__version__} from face_landmarker.task/face_detector.tf" in said
    assert conversion.file.sha256 in said
    assert "(N, 3, 128, 128) in [-1, 1]" in said
    assert "regressors (N, 896, 16)" in said
    assert "classificators (N, 896, 1)" in said


def described(*uses: Block, width: int = 78) -> list[str]:
    align_variants(graph([], list(uses)), CHAINS)
    return block_description(uses, motifs_of(uses_of_classes(uses)), width)


def blaze(channels: int = 4, filters: int = 4, stride: int = 1, kernel: int = 3) -> Block:
    x = image(channels)
    nodes: list[Node] = []
    skip = x
    if stride == 2:
        nodes.append(pool(skip))
        skip = result(*nodes)
    if filters > channels:
        nodes.append(widened(skip, filters - channels))
        skip = result(*nodes)
    if filters < channels:
        nodes.append(narrowed(skip, filters))
        skip = result(*nodes)
    deep = conv(x, channels, kernel, stride, groups=channels, padding=kernel // 2)
    nodes += [deep, conv(result(deep), filters, 1)]
    return block([*nodes, step("add", result(*nodes), skip)])


def test_blocks_say_what_is_in_them() -> None:
    x = image()
    main = conv(x, 4, 5)
    chain = block([main, depthwise(result(main))])
    assert described(chain) == ["Conv 5x5 and depthwise 3x3."]
    assert described(block([conv(image(), 4, 1)])) == ["Pointwise."]


def test_shortcuts_are_told_with_what_is_done_to_them() -> None:
    assert described(blaze()) == ["Depthwise 3x3 and pointwise, plus a shortcut."]
    assert described(blaze(4, 6, 2)) == [
        "Depthwise 3x3 and pointwise, plus a shortcut, pooled and widened."
    ]
    assert described(blaze(), blaze(4, 4, 2)) == [
        "Depthwise 3x3 and pointwise, plus a shortcut, pooled where needed."
    ]
    assert described(blaze(), blaze(kernel=5)) == ["Depthwise and pointwise, plus a shortcut."]


def test_long_descriptions_are_two_sentences() -> None:
    uses = [blaze(), blaze(4, 6, 2)]
    assert described(*uses, width=60) == [
        "Depthwise 3x3 and pointwise, plus a shortcut.",
        "The shortcut is pooled and widened where needed.",
    ]


def test_a_list_of_three_keeps_its_comma() -> None:
    uses = [blaze(), blaze(4, 6, 2), blaze(6, 4)]
    assert described(*uses, width=60) == [
        "Depthwise 3x3 and pointwise, plus a shortcut.",
        "The shortcut is pooled, widened and narrowed where needed.",
    ]


def test_a_long_description_of_a_plain_shortcut_is_one_sentence() -> None:
    assert described(blaze(), width=30) == ["Depthwise 3x3 and pointwise, plus a shortcut."]


def inverted(filters: int) -> Block:
    x = image()
    wide = conv(x, 12, 1)
    deep = depthwise(result(wide))
    narrow = conv(result(deep), filters, 1)
    total = [step("add", result(narrow), x)] if filters == 4 else []
    return block([wide, deep, narrow, *total])


def test_a_shortcut_that_some_uses_lack() -> None:
    assert described(inverted(4), inverted(6)) == [
        "Expand, depthwise 3x3 and project, plus a shortcut where the shape stays."
    ]
    uses = [inverted(4), inverted(6)]
    *_, last = described(*uses, width=50)
    assert last != "The shortcut is where the shape stays.", "that is no English"
    assert any(isinstance(node, Skipped) for node in uses[1].body)


def test_a_block_without_layers_is_told_too() -> None:
    x = image()
    bent = prelu(x)
    (sentence,) = described(block([bent, step("add", result(bent), x)]))
    assert sentence.endswith(".")
    assert sentence[0].isupper()


@pytest.mark.parametrize("name", FACTS)
def test_official_sentences(converted: Callable[[str], Conversion], name: str) -> None:
    """No word twice in a row, no list without its commas, no sentence without a verb."""
    for line in converted(name).source.splitlines():
        text = line.strip()
        assert "pooled widened" not in text
        assert not re.match(r"The shortcut is( where the shape stays)?\.", text)
        words = text.split() if text.startswith('"""') else []
        assert all(a != b for a, b in itertools.pairwise(words))
