"""Values, formulas and code templates → Python's syntax trees; no text is put together."""

from __future__ import annotations

import ast
import copy
import functools
import math
from collections.abc import Iterator, Mapping, Sequence

from tflite2torch.converter.graph.node import Code, Literal
from tflite2torch.converter.planning.expression import (
    Expression,
    Formula,
    Name,
    items_of,
)


def render(code: Code, operands: Sequence[ast.expr], symbols: Mapping[str, ast.expr]) -> ast.expr:
    """Return a template with its operands, and its arguments as values or as symbols.

    Args:
        code: the template and its arguments.
        operands: what ``x0``, ``x1``, … stand for.
        symbols: what stands for an argument instead of its value.
    """
    return _Filler(code, operands, symbols).filled(_parse(code.template))


def literal(value: Literal) -> ast.expr:
    """Return the expression of a value as Python writes it."""
    return spelled(value, {})


def name(identifier: str) -> ast.expr:
    """Return a plain or dotted name as an expression."""
    first, *rest = identifier.split(".")
    expression: ast.expr = ast.Name(first, ast.Load())
    for part in rest:
        expression = ast.Attribute(expression, part, ast.Load())
    return expression


OPERATORS: dict[str, ast.operator] = {
    "-": ast.Sub(),
    "*": ast.Mult(),
    "//": ast.FloorDiv(),
}
COMPARISONS: dict[str, ast.cmpop] = {"==": ast.Eq(), ">": ast.Gt(), "<": ast.Lt()}


def spelled(expression: Expression, names: Mapping[Expression, str]) -> ast.expr:
    """Return an expression as Python; a part of it that has a name is written as that."""
    match expression:
        case Name() | Formula() if expression in names:
            return name(names[expression])
        case Name(identifier):
            return name(identifier)
        case Formula(operator, operands):
            pass
        case tuple():
            operator, operands = "tuple", expression
        case slice():
            operator, operands = "slice", items_of(expression)
        case float() if not math.isfinite(expression):
            return ast.Call(name("float"), [ast.Constant(str(expression))], [])
        case _:
            return ast.Constant(expression)
    if operator == "slice":
        return ast.Slice(*(e if e is None else spelled(e, names) for e in operands))
    parts = [spelled(operand, names) for operand in operands]
    match operator:
        case "tuple":
            return ast.Tuple(parts, ast.Load())
        case "if":
            condition, value, otherwise = parts
            return ast.IfExp(condition, value, otherwise)
        case "and":
            return ast.BoolOp(ast.And(), parts)
    left, right = parts
    if operator in COMPARISONS:
        return ast.Compare(left, [COMPARISONS[operator]], [right])
    return ast.BinOp(left, OPERATORS[operator], right)


def evaluated(expression: ast.expr) -> Iterator[ast.expr]:
    """Yield the operations on tensors, in the order in which Python evaluates them."""
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
        case _:
            for part in ast.iter_child_nodes(expression):
                if isinstance(part, ast.expr):
                    yield from evaluated(part)
            if not isinstance(expression, ast.List | ast.Tuple | ast.Slice | ast.Starred):
                yield expression  # an operator, an index, or an attribute of a tensor


def _is_static(expression: ast.expr) -> bool:
    """Return whether nothing is computed: a number, a name, what ``self`` or torch holds."""
    while isinstance(expression, ast.Attribute):
        expression = expression.value
        if isinstance(expression, ast.Name):
            return expression.id in ("self", "torch", "nn", "F")
    return isinstance(expression, ast.Constant | ast.Name)


@functools.cache
def _parse(template: str) -> ast.expr:
    return ast.parse(template, mode="eval").body


class _Filler:
    """Copies a template with its names replaced; the template itself is shared."""

    def __init__(
        self, code: Code, operands: Sequence[ast.expr], symbols: Mapping[str, ast.expr]
    ) -> None:
        self._code = code
        self._operands = operands
        self._symbols = symbols

    def filled(self, node: ast.expr) -> ast.expr:
        """Return a part of the template with what its names stand for."""
        match node:
            case ast.Name(id=name) if name in self._code.arguments:
                return self._value(name)
            case ast.Name(id=name) if name[0] == "x" and name[1:].isdigit():
                return self._operands[int(name[1:])]
            case ast.Name() | ast.Constant():
                return node
            case ast.Call(func=func, args=arguments, keywords=words):
                given: list[ast.expr] = []
                for item in map(self.filled, arguments):
                    match item:
                        case ast.Starred(value=ast.Tuple(elts=items)):
                            given += items  # *(1, 2) is written 1, 2
                        case _:
                            given.append(item)
                kept = [word for word in words if not self._is_default(word)]
                keywords = [ast.keyword(w.arg, self.filled(w.value)) for w in kept]
                return ast.Call(self.filled(func), given, keywords)
        copied = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(copied, name, [self._part(item) for item in value])
            else:
                setattr(copied, name, self._part(value))
        return copied

    def _part(self, value: object) -> object:
        return self.filled(value) if isinstance(value, ast.expr) else value

    def _value(self, argument: str) -> ast.expr:
        symbol = self._symbols.get(argument)
        return literal(self._code.arguments[argument]) if symbol is None else symbol

    def _is_default(self, word: ast.keyword) -> bool:
        """Return whether a keyword has its default value, in every use of the class."""
        if not isinstance(word.value, ast.Name):
            return False
        argument, known = word.value.id, self._code.defaults
        if other := self._code.same.get(argument):
            return ast.dump(self._value(argument)) == ast.dump(self._value(other))
        return (
            argument in known
            and argument not in self._symbols
            and self._code.arguments[argument] == known[argument]
        )
