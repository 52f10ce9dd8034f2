"""Code templates → Python expressions, built as syntax trees so that nothing is spliced."""

from __future__ import annotations

import ast
import copy
import functools
import math
from collections.abc import Callable, Iterator, Sequence

from converter.graph import Code, Literal

Argument = Callable[[str], ast.expr | None]
"""Gives the expression that stands for an argument by its name, or None for its value."""


def render(code: Code, operands: Sequence[ast.expr], argument: Argument) -> ast.expr:
    """Return a template with its operands, and with its arguments as values or symbols."""
    return _Filler(code, operands, argument).visit(copy.deepcopy(_parse(code.template)))  # type: ignore[no-any-return]


def literal(value: Literal) -> ast.expr:
    """Return the expression of a value as Python writes it."""
    if isinstance(value, tuple):
        return ast.Tuple([literal(item) for item in value], ast.Load())
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return ast.Slice(*(None if part is None else literal(part) for part in parts))
    if isinstance(value, float) and not math.isfinite(value):
        return ast.Call(name("float"), [ast.Constant(str(value))], [])
    return ast.Constant(value)


def name(identifier: str) -> ast.expr:
    """Return a plain or dotted name as an expression."""
    first, *rest = identifier.split(".")
    expression: ast.expr = ast.Name(first, ast.Load())
    for part in rest:
        expression = ast.Attribute(expression, part, ast.Load())
    return expression


def evaluated(expression: ast.expr) -> Iterator[ast.expr]:
    """Yield the parts that touch tensors, in the order in which Python evaluates them."""
    if _is_static(expression):
        return
    match expression:
        case ast.Call(func=func, args=arguments, keywords=keywords):
            if isinstance(func, ast.Attribute) and not _is_static(func):
                yield from evaluated(func.value)
            for argument in [*arguments, *(word.value for word in keywords)]:
                yield from evaluated(argument)
            if not (isinstance(func, ast.Name) and func.id == "float"):
                yield expression
        case ast.List() | ast.Tuple() | ast.Slice() | ast.Starred():
            for part in _parts(expression):
                yield from evaluated(part)
        case _:
            for part in _parts(expression):
                yield from evaluated(part)
            yield expression


def _parts(expression: ast.expr) -> list[ast.expr]:
    children = ast.iter_child_nodes(expression)
    return [child for child in children if isinstance(child, ast.expr)]


def _is_static(expression: ast.expr) -> bool:
    """Whether nothing is computed: a number, a name, what belongs to ``self`` or torch."""
    while isinstance(expression, ast.Attribute):
        expression = expression.value
        if isinstance(expression, ast.Name):
            return expression.id in ("self", "torch", "nn", "F")
    return isinstance(expression, ast.Constant | ast.Name)


@functools.cache
def _parse(template: str) -> ast.expr:
    return ast.parse(template, mode="eval").body


class _Filler(ast.NodeTransformer):
    def __init__(
        self, code: Code, operands: Sequence[ast.expr], argument: Argument
    ) -> None:
        self._code = code
        self._operands = operands
        self._argument = argument

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._code.arguments:
            return self._value(node.id)
        if node.id[0] == "x" and node.id[1:].isdigit():
            return self._operands[int(node.id[1:])]
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.keywords = [word for word in node.keywords if not self._default(word)]
        self.generic_visit(node)
        arguments: list[ast.expr] = []
        for item in node.args:
            starred = isinstance(item, ast.Starred) and isinstance(
                item.value, ast.Tuple
            )
            arguments += item.value.elts if starred else [item]  # type: ignore[attr-defined]
        node.args = arguments
        return node

    def _value(self, argument: str) -> ast.expr:
        symbol = self._argument(argument)
        return literal(self._code.arguments[argument]) if symbol is None else symbol

    def _default(self, word: ast.keyword) -> bool:
        """Whether a keyword has its default value, for every use of the class."""
        if not isinstance(word.value, ast.Name):
            return False
        argument, known = word.value.id, self._code.defaults
        return (
            argument in known
            and self._argument(argument) is None
            and self._code.arguments[argument] == known[argument]
        )
