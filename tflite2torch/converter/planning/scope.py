"""One class to print: its steps, its parts, and the arguments of its constructor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.names import MODULE_ATTRIBUTES, Namespace
from tflite2torch.converter.naming.roles import constants
from tflite2torch.converter.planning.expression import (
    Expression,
    Formula,
    Name,
    items_of,
)
from tflite2torch.converter.planning.symbols import NEW_CHANNELS, Symbols, role_of

Part = Node | Value
"""What a class keeps as an attribute: a layer, or a constant."""

Found = Mapping[tuple[int, ...], Expression]
"""The numbers of an argument that vary between uses, by their path in it."""


@dataclass(eq=False)
class Scope:
    """One class to print, shown by the nodes of its first use.

    Attributes:
        name: the class's name.
        nodes: the steps of its forward, in order.
        inputs: what forward takes.
        outputs: what forward returns.
        symbols: its constructor's arguments, and what follows from them.
        attributes: the attribute under which each part is kept, in order.
        input_names: what forward calls its inputs.
        output_names: what the model's outputs are called; empty for a block's class.
    """

    name: str
    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    symbols: Symbols = field(default_factory=Symbols)
    attributes: dict[Part, str] = field(default_factory=dict)
    input_names: Sequence[str] = ("x",)
    output_names: Sequence[str] = ()

    @property
    def of_model(self) -> bool:
        """Whether it is the model's own class, not that of a block."""
        return bool(self.output_names)

    @cached_property
    def stored(self) -> dict[Expression, str]:
        """The expressions that forward reads, with the attributes that keep their values."""
        names = Namespace([*MODULE_ATTRIBUTES, *self.attributes.values()])
        wanted: dict[Expression, str] = {}
        for condition in self.symbols.conditions.values():
            wanted.setdefault(kept_for(condition), "residual")
        for index, node in enumerate(self.nodes):
            if node in self.attributes:
                continue  # its constructor takes them
            for argument, found in self._found.get((index,), {}).items():
                whole = _whole(node.code().arguments[argument], found)
                for expression in [whole] if whole else found.values():
                    wanted.setdefault(expression, role_of(argument))
        return {
            expression: names.unique(_own_name(expression) or name)
            for expression, name in wanted.items()
        }

    def argument(self, part: Part, argument: str, value: Literal) -> Expression | None:
        """Return an argument of a part with what varies in it; None where nothing does."""
        found = self._found.get(self.place(part), {}).get(argument)
        if found is None:
            return None
        whole = None if part in self.attributes else _whole(value, found)
        return whole or _filled(value, found)

    @cached_property
    def _found(
        self,
    ) -> dict[tuple[int, ...], dict[str, dict[tuple[int, ...], Expression]]]:
        found: dict[tuple[int, ...], dict[str, dict[tuple[int, ...], Expression]]] = {}
        for slot, expression in self.symbols.expressions.items():
            of_part = found.setdefault(slot.part, {})
            of_part.setdefault(slot.argument, {})[slot.path] = expression
        return found

    def place(self, part: Part) -> tuple[int, ...]:
        """Return the position of a part: its node's, and its own among that one's constants."""
        return self._places[part]

    @cached_property
    def _places(self) -> dict[Part, tuple[int, ...]]:
        places: dict[Part, tuple[int, ...]] = {}
        for index, node in enumerate(self.nodes):
            places[node] = (index,)
            for position, value in enumerate(constants(node)):
                places.setdefault(value, (index, position))
        return places


def kept_for(condition: Expression) -> Expression:
    """Return what a class keeps to decide on a condition: forward compares with numbers."""
    if isinstance(condition, Formula) and isinstance(condition.operands[-1], int):
        return condition.operands[0]
    return condition


def _own_name(expression: Expression) -> str | None:
    """Return what an expression is called for what it is, wherever it stands."""
    if isinstance(expression, Name):
        return expression.identifier
    return "new_channels" if expression == NEW_CHANNELS else None


def _whole(value: Literal, found: Found) -> Formula | None:
    """Return a tuple of integers of which several vary, each its own way; None for others.

    It is kept as a whole: ``self.padding``, not ``(self.padding, self.padding2) * 2``.
    """
    integers = isinstance(value, tuple) and all(isinstance(n, int) for n in value)
    if not integers or len(set(found.values())) < 2:
        return None
    items = _filled(value, found)
    assert isinstance(items, Formula)  # a tuple
    half = len(items.operands) // 2
    first, second = items.operands[:half], items.operands[half:]
    return Formula("*", (Formula("tuple", first), 2)) if first == second else items


def _filled(value: Literal, found: Found, path: tuple[int, ...] = ()) -> Expression:
    """Return a value as an expression, with what varies in its place."""
    if path in found:
        return found[path]
    if not isinstance(value, tuple | slice):
        return value
    kind = "tuple" if isinstance(value, tuple) else "slice"
    items = items_of(value)
    filled = (_filled(item, found, (*path, i)) for i, item in enumerate(items))
    return Formula(kind, tuple(filled))
