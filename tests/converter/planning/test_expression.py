"""Expressions over a constructor's arguments: their value, their names, their spelling."""

from __future__ import annotations

import ast
import re

import pytest

from tflite2torch.converter.planning.expression import (
    Expression,
    Formula,
    Name,
    evaluate,
    names_in,
)
from tflite2torch.converter.writer.expressions import spelled

A, B = Name("a"), Name("b")
DIFFERENCE = Formula("-", (A, B))


@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        (A, "a", 7),
        (3, "3", 3),
        (DIFFERENCE, "a - b", 5),
        (Formula("*", (DIFFERENCE, B)), "(a - b) * b", 10),
        (Formula("-", (Formula("//", (A, 2)), 1)), "a // 2 - 1", 2),
        (Formula("==", (A, B)), "a == b", False),
        (Formula("<", (B, 3)), "b < 3", True),
        (Formula("and", (Formula(">", (A, B)), A)), "a > b and a", 7),
        (Formula("if", (Formula("==", (B, 2)), A, 0)), "a if b == 2 else 0", 7),
    ],
    ids=str,
)
def test_what_is_written_is_what_is_computed(expression: Expression, text: str, value: int) -> None:
    arguments = {"a": 7, "b": 2}
    assert ast.unparse(spelled(expression, {})) == text
    assert evaluate(expression, arguments) == value
    assert eval(text, {}, arguments) == value  # noqa: S307 - a text of this file
    assert {*names_in(expression)} == set(re.findall(r"\b[ab]\b", text))


def test_equal_expressions_are_one_key() -> None:
    assert {DIFFERENCE: 1}[Formula("-", (Name("a"), Name("b")))] == 1
    assert Formula("-", (B, A)) != DIFFERENCE


def test_parts_that_have_a_name_are_written_as_that() -> None:
    whole = Formula(">", (DIFFERENCE, 0))
    assert ast.unparse(spelled(whole, {DIFFERENCE: "self.more"})) == "self.more > 0"
    assert ast.unparse(spelled(whole, {A: "self.a", whole: "x"})) == "x"


def test_tuples_and_slices() -> None:
    ends = Formula("slice", (None, A, None))
    index = Formula("tuple", (ends, Formula("slice", (1, None, 2))))
    subscript = ast.Subscript(ast.Name("x"), spelled(index, {}), ast.Load())
    assert ast.unparse(subscript) == "x[:a, 1::2]"
