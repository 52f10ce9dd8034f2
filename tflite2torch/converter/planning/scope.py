"""One class to print: its steps, its parts, and the arguments of its constructor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.traversal import users_of
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.names import MODULE_ATTRIBUTES, Namespace
from tflite2torch.converter.naming.roles import constants
from tflite2torch.converter.planning.constructor import (
    NEW_CHANNELS,
    Constructor,
    Path,
    role_of,
)
from tflite2torch.converter.planning.expression import (
    Expression,
    Formula,
    Name,
    items_of,
)
from tflite2torch.converter.structure.structure import Stage

Part = Node | Value
"""An attribute of a class: a layer, a stage, a block, or a constant."""

Varying = dict[Path, Expression]
"""The numbers in one argument that vary between uses, by their path in it."""


@dataclass(eq=False)
class Scope:
    """One class to print, shown by the nodes of its first use.

    Attributes:
        name: the class's name.
        nodes: the steps of its forward, in order.
        inputs: what forward takes.
        outputs: what forward returns.
        constructor: its arguments, and the numbers computed from them.
        attributes: the attribute that holds each part, in order.
        input_names: what forward calls its inputs.
        output_names: what the model's outputs are called; empty for a block's class.
        result: the class of what a model with several outputs returns; empty for others.
    """

    name: str
    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    constructor: Constructor = field(default_factory=Constructor)
    attributes: dict[Part, str] = field(default_factory=dict)
    input_names: Sequence[str] = ("x",)
    output_names: Sequence[str] = ()
    result: str = ""

    @property
    def of_model(self) -> bool:
        """Whether it is the model's own class, not that of a block."""
        return bool(self.output_names)

    @cached_property
    def users(self) -> dict[Value, list[Node]]:
        """The nodes that read each value, once for each time they do."""
        return users_of(self.nodes)

    @cached_property
    def stored(self) -> dict[Expression, str]:
        """The expressions that forward reads, and the attributes that store their values."""
        names = Namespace([*MODULE_ATTRIBUTES, *self.attributes.values()])
        wanted: dict[Expression, str] = {}
        for condition in self.constructor.conditions.values():
            wanted.setdefault(_kept_for(condition), "residual")
        for index, node in enumerate(self.nodes):
            if node in self.attributes:
                continue  # its constructor takes them
            for argument, varying in self._varying.get((index,), {}).items():
                whole = _whole(node.code().arguments[argument], varying)
                for expression in [whole] if whole else varying.values():
                    wanted.setdefault(expression, role_of(argument))
        return {
            expression: names.unique(_own_name(expression) or name)
            for expression, name in wanted.items()
        }

    def argument(self, part: Part, argument: str, value: Literal) -> Expression | None:
        """Return an argument of a part as an expression; None if nothing in it varies."""
        varying = self._varying.get(self.place(part), {}).get(argument)
        if varying is None:
            return None
        # A layer's constructor computes a tuple in place; forward reads a stored one.
        whole = None if part in self.attributes else _whole(value, varying)
        return whole or _filled(value, varying)

    @cached_property
    def _varying(self) -> dict[Path, dict[str, Varying]]:
        """The varying numbers, by part and argument."""
        varying: dict[Path, dict[str, Varying]] = {}
        for slot, expression in self.constructor.expressions.items():
            arguments = varying.setdefault(slot.part, {})
            arguments.setdefault(slot.argument, {})[slot.path] = expression
        return varying

    def place(self, part: Part) -> Path:
        """Return a node's position; for an inner part, that of its node and its own within."""
        return self._places[part]

    @cached_property
    def _places(self) -> dict[Part, Path]:
        places: dict[Part, Path] = {}
        for index, node in enumerate(self.nodes):
            places[node] = (index,)
            for position, part in enumerate(inner_parts(node)):
                # A constant that several nodes read belongs to the first of them.
                places.setdefault(part, (index, position))
        return places


def inner_parts(node: Node) -> Sequence[Part]:
    """Return the blocks of a stage, or the constants that another node reads."""
    return node.blocks if isinstance(node, Stage) else constants(node)


def _kept_for(condition: Expression) -> Expression:
    """Return what to store for a condition: without its comparison with a constant."""
    if isinstance(condition, Formula) and isinstance(condition.operands[-1], int):
        return condition.operands[0]
    return condition


def _own_name(expression: Expression) -> str | None:
    """Return the name of an expression that has one of its own; None for others."""
    if isinstance(expression, Name):
        return expression.identifier
    return "new_channels" if expression == NEW_CHANNELS else None


def _whole(value: Literal, varying: Varying) -> Formula | None:
    """Return a tuple of integers in which several differ in how they vary; None for others.

    It is stored as a whole: ``self.padding``, not ``(self.padding, self.padding2) * 2``.
    """
    integers = isinstance(value, tuple) and all(isinstance(n, int) for n in value)
    if not integers or len(set(varying.values())) < 2:
        return None
    items = _filled(value, varying)
    assert isinstance(items, Formula)  # a tuple
    # F.pad takes (left, right, top, bottom): often the same pair for both axes.
    half = len(items.operands) // 2
    first, second = items.operands[:half], items.operands[half:]
    return Formula("*", (Formula("tuple", first), 2)) if first == second else items


def _filled(value: Literal, varying: Varying, path: Path = ()) -> Expression:
    """Return a value as an expression, with its varying numbers replaced by theirs."""
    if path in varying:
        return varying[path]
    if not isinstance(value, tuple | slice):
        return value
    kind = "tuple" if isinstance(value, tuple) else "slice"
    items = items_of(value)
    filled = (_filled(item, varying, (*path, i)) for i, item in enumerate(items))
    return Formula(kind, tuple(filled))
