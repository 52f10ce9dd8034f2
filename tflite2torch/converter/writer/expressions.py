"""Values, formulas and code templates → Python's syntax trees, so that nothing is spliced."""

from __future__ import annotations

import ast
import copy
import functools
import math
from collections.abc import Iterator, Mapping, Sequence

from tflite2torch.converter.graph.node import Code, Literal
from tflite2torch.converter.planning.expression import Expression, Formula, Name


def render(
    code: Code, operands: Sequence[ast.expr], symbols: Mapping[str, ast.expr]
) -> ast.expr:
    """Return a template with its operands, and its arguments as values or as symbols.

    Args:
        code: the template and its arguments.
        operands: what ``x0``, ``x1``, … stand for.
        symbols: what stands for an argument instead of its value.
    """
    return _Filler(code, operands, symbols).filled(_parse(code.template))


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


OPERATORS: dict[str, ast.operator] = {
    "-": ast.Sub(),
    "*": ast.Mult(),
    "//": ast.FloorDiv(),
    "%": ast.Mod(),
}
COMPARISONS: dict[str, ast.cmpop] = {"==": ast.Eq(), ">": ast.Gt(), "<": ast.Lt()}


def spelled(expression: Expression, names: Mapping[Expression, str]) -> ast.expr:
    """Return an expression as Python; whatever part of it has a name is written as that."""
    if isinstance(expression, Name | Formula) and expression in names:
        return name(names[expression])
    if isinstance(expression, Name):
        return name(expression.identifier)
    if not isinstance(expression, Formula):
        return literal(expression)
    operator = expression.operator
    if operator == "slice":
        ends = (e if e is None else spelled(e, names) for e in expression.operands)
        return ast.Slice(*ends)
    operands = [spelled(operand, names) for operand in expression.operands]
    match operator:
        case "tuple":
            return ast.Tuple(operands, ast.Load())
        case "if":
            condition, value, otherwise = operands
            return ast.IfExp(condition, value, otherwise)
        case "and":
            return ast.BoolOp(ast.And(), operands)
    left, right = operands
    if operator in COMPARISONS:
        return ast.Compare(left, [COMPARISONS[operator]], [right])
    return ast.BinOp(left, OPERATORS[operator], right)


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


class _Filler:
    def __init__(
        self, code: Code, operands: Sequence[ast.expr], symbols: Mapping[str, ast.expr]
    ) -> None:
        self._code = code
        self._operands = operands
        self._symbols = symbols

    def filled(self, node: ast.expr) -> ast.expr:
        """Return a copy of a part of the template with what its names stand for."""
        match node:
            case ast.Name(id=name) if name in self._code.arguments:
                return self._value(name)
            case ast.Name(id=name) if name[0] == "x" and name[1:].isdigit():
                return self._operands[int(name[1:])]
            case ast.Name() | ast.Constant():
                return node
            case ast.Call(func=func, args=arguments, keywords=words):
                given = [self.filled(item) for item in arguments]
                kept = [word for word in words if not self._default(word)]
                keywords = [ast.keyword(w.arg, self.filled(w.value)) for w in kept]
                return ast.Call(self.filled(func), _spread(given), keywords)
        copied = copy.copy(node)
        for name, value in ast.iter_fields(node):
            setattr(copied, name, self._field(value))
        return copied

    def _field(self, value: object) -> object:
        if isinstance(value, list):
            return [self._field(item) for item in value]
        return self.filled(value) if isinstance(value, ast.expr) else value

    def _value(self, argument: str) -> ast.expr:
        symbol = self._symbols.get(argument)
        return literal(self._code.arguments[argument]) if symbol is None else symbol

    def _default(self, word: ast.keyword) -> bool:
        """Whether a keyword has its default value, for every use of the class."""
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


def _spread(arguments: Sequence[ast.expr]) -> list[ast.expr]:
    """Return the arguments of a call with the items of starred tuples in their place."""
    spread: list[ast.expr] = []
    for item in arguments:
        if isinstance(item, ast.Starred) and isinstance(item.value, ast.Tuple):
            spread += item.value.elts
        else:
            spread.append(item)
    return spread
