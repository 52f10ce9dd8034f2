"""Python expressions over the arguments of a constructor, as small immutable trees."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tflite2torch.converter.graph.node import Literal

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "and": lambda left, right: left and right,
    "if": lambda condition, value, otherwise: value if condition else otherwise,
}
"""The operators whose result is a number or a truth value."""


@dataclass(frozen=True)
class Name:
    """An argument of the constructor."""

    identifier: str


@dataclass(frozen=True)
class Formula:
    """An operator and its operands.

    Attributes:
        operator: one of ``FUNCTIONS``, or ``tuple`` or ``slice``. The operands of ``if`` are
            the condition, the value where it holds, and the value where it does not.
        operands: in Python's order.
    """

    operator: str
    operands: tuple[Expression, ...]


Expression = Name | Formula | Literal


def items_of(value: tuple[Literal, ...] | slice) -> tuple[Literal, ...]:
    """Return the items of a tuple, or the ends and the step of a slice."""
    if isinstance(value, slice):
        return (value.start, value.stop, value.step)
    return value


def names_in(expression: Expression) -> Iterator[str]:
    """Yield the arguments that an expression reads."""
    if isinstance(expression, Name):
        yield expression.identifier
    elif isinstance(expression, Formula):
        for operand in expression.operands:
            yield from names_in(operand)


def evaluate(expression: Expression, arguments: Mapping[str, int]) -> Any:
    """Evaluate an expression."""
    match expression:
        case Name(identifier):
            return arguments[identifier]
        case Formula(operator, operands):
            values = [evaluate(operand, arguments) for operand in operands]
            return FUNCTIONS[operator](*values)
        case number:
            return number
