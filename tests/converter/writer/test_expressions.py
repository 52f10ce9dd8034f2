"""Templates become Python expressions."""

from __future__ import annotations

import ast

import pytest

from tflite2torch.converter.graph.node import Code, Literal
from tflite2torch.converter.writer.expressions import evaluated, literal, name, render


def shown(code: Code, *operands: str, **symbols: str) -> str:
    expressions = [ast.parse(text, mode="eval").body for text in operands]
    known = {k: ast.parse(v, mode="eval").body for k, v in symbols.items()}
    return ast.unparse(render(code, expressions, known))


def test_operands_and_arguments_take_their_places() -> None:
    code = Code("F.pad(x0, padding)", {"padding": (0, 1)})
    assert shown(code, "self.stem(x)") == "F.pad(self.stem(x), (0, 1))"


def test_parentheses_come_where_they_are_needed() -> None:
    assert shown(Code("x0 * x1"), "a + b", "c") == "(a + b) * c"
    assert shown(Code("x0.abs()"), "a + b") == "(a + b).abs()"
    assert shown(Code("-x0"), "a - b") == "-(a - b)"


def test_keywords_at_their_defaults_are_left_out() -> None:
    code = Code(
        "nn.Conv2d(n, stride=stride, padding=padding)",
        {"n": 3, "stride": 1, "padding": 2},
        {"stride": 1, "padding": 0},
    )
    assert shown(code) == "nn.Conv2d(3, padding=2)"


def test_a_symbol_is_written_even_where_this_use_has_the_default() -> None:
    code = Code("nn.Conv2d(n, stride=stride)", {"n": 3, "stride": 1}, {"stride": 1})
    assert shown(code, stride="stride") == "nn.Conv2d(3, stride=stride)"


def test_a_starred_tuple_is_spread() -> None:
    code = Code("x0.reshape(*shape)", {"shape": (-1, 2, 3)})
    assert shown(code, "x") == "x.reshape(-1, 2, 3)"


def test_a_template_is_used_more_than_once() -> None:
    code = Code("x0 + x1")
    assert shown(code, "a", "b") == "a + b"
    assert shown(code, "c", "d") == "c + d"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (-1.5, "-1.5"),
        (True, "True"),
        (None, "None"),
        ("bilinear", "'bilinear'"),
        ((1, (2,)), "(1, (2,))"),
        (float("-inf"), "float('-inf')"),
        (float("nan"), "float('nan')"),
    ],
)
def test_literals(value: Literal, text: str) -> None:
    assert ast.unparse(literal(value)) == text


def test_indices() -> None:
    index: Literal = (slice(None), slice(1, None, 2), 3)
    assert shown(Code("x0[index]", {"index": index}), "x") == "x[:, 1::2, 3]"
    assert shown(Code("x0[index]", {"index": slice(None, 2)}), "x") == "x[:2]"


def test_dotted_names() -> None:
    assert ast.unparse(name("self.stem")) == "self.stem"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x", []),
        ("self.conv(x)", ["self.conv(x)"]),
        ("x + y * 2", ["y * 2", "x + y * 2"]),
        ("F.relu(self.conv(x) + y)", ["self.conv(x)", "self.conv(x) + y", "F.relu(…)"]),
        ("-x", ["-x"]),
        ("x[:, :self.channels]", ["x[:, :self.channels]"]),
        ("x.mean((2, 3), keepdim=True)", ["x.mean((2, 3), keepdim=True)"]),
        ("x.exp().sum(1)", ["x.exp()", "x.exp().sum(1)"]),
        ("torch.cat([self.a(x), y.abs()], dim=1)", ["self.a(x)", "y.abs()", "torch…"]),
        ("F.pad(x, (0, 1), value=float('-inf'))", ["F.pad(…)"]),
        ("t.expand(x.shape[0], 4)", ["x.shape", "x.shape[0]", "t.expand(…)"]),
        ("x.reshape(3, self.rows, 2) * 0.5", ["x.reshape(…)", "x…"]),
    ],
)
def test_what_touches_tensors_in_the_order_of_evaluation(text: str, parts: list[str]) -> None:
    """As a tracer meets it: a number is no operation."""
    found = [ast.unparse(e) for e in evaluated(ast.parse(text, mode="eval").body)]
    assert len(found) == len(parts), found
    for whole, start in zip(found, parts, strict=True):
        assert whole.startswith(start.split("…")[0])


@pytest.mark.parametrize("number", [-1, -0.5, 7])
def test_numbers_of_either_sign_touch_no_tensor(number: float) -> None:
    code = Code("x0.reshape(batch, 4)", {"batch": number})
    operand = ast.parse("self.conv(x)", mode="eval").body
    parts = [*evaluated(render(code, [operand], {}))]
    assert [ast.unparse(part) for part in parts] == [
        "self.conv(x)",
        f"self.conv(x).reshape({number}, 4)",
    ]
