"""One class to print: its steps, its parts, and the numbers that its constructor is given."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.names import MODULE_ATTRIBUTES, Namespace
from tflite2torch.converter.naming.roles import constants
from tflite2torch.converter.writer.expressions import literal
from tflite2torch.converter.writer.symbols import NEW_CHANNELS, Symbols, role_of

Part = Node | Value
"""What a class keeps: a layer, or a constant."""


@dataclass
class Scope:
    """One class to print, shown by the nodes of its first use.

    Attributes:
        name: the class's name.
        nodes: the steps of its forward, in order.
        inputs: what forward takes.
        outputs: what forward returns.
        symbols: its constructor's arguments, and what follows from them.
        attributes: the attribute under which each part is kept, in order.
    """

    name: str
    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    symbols: Symbols = field(default_factory=Symbols)
    attributes: dict[Part, str] = field(default_factory=dict)

    @property
    def stored(self) -> dict[str, str]:
        """Map what forward needs of the constructor's arguments to attributes for it."""
        names = Namespace([*MODULE_ATTRIBUTES, *self.attributes.values()])
        needed: dict[str, str] = {}
        for condition in self.symbols.conditions.values():
            self._store(needed, names, condition.expression, "residual")
        for index, node in enumerate(self.nodes):
            if node in self.attributes:
                continue
            for argument, texts in self._varying((index,)).items():
                whole = self._whole(node, argument, texts)
                for text in {whole: None} if whole else dict.fromkeys(texts.values()):
                    self._store(needed, names, text, role_of(argument))
        return needed

    @staticmethod
    def _store(
        needed: dict[str, str], names: Namespace, expression: str, wanted: str
    ) -> None:
        if expression == NEW_CHANNELS:
            wanted = "new_channels"
        elif expression.isidentifier():
            wanted = expression
        if expression not in needed:
            needed[expression] = names.unique(wanted)

    def _varying(self, place: tuple[int, ...]) -> dict[str, dict[tuple[int, ...], str]]:
        """Return what varies of a part's arguments: expressions by where they stand."""
        found: dict[str, dict[tuple[int, ...], str]] = {}
        for slot, expression in self.symbols.expressions.items():
            if slot.part == place:
                found.setdefault(slot.argument, {})[slot.path] = expression
        return found

    def _whole(
        self, node: Node, argument: str, texts: dict[tuple[int, ...], str]
    ) -> str | None:
        """Return the expression of a tuple of which several parts vary, each its own way."""
        if len(set(texts.values())) < 2:
            return None
        value = node.code().arguments[argument]
        if not isinstance(value, tuple) or not all(isinstance(n, int) for n in value):
            return None
        half = len(value) // 2
        parts = [
            ast.unparse(_substitute(item, (i,), texts)) for i, item in enumerate(value)
        ]
        if half and parts[:half] == parts[half:]:
            return f"({', '.join(parts[:half])}) * 2"
        return f"({', '.join(parts)})"

    def substituted(
        self, part: Part, argument: str, value: Literal, names: Mapping[str, str]
    ) -> ast.expr | None:
        """Return an argument with what follows from the constructor's; None if nothing does.

        ``names`` says how those expressions are written where the argument stands.
        """
        found = self._varying(self.place(part)).get(argument)
        if found is None:
            return None
        if isinstance(part, Node) and part not in self.attributes:
            whole = self._whole(part, argument, found)
            if whole is not None:
                return ast.parse(names[whole], mode="eval").body
        return _substitute(value, (), {p: names[e] for p, e in found.items()})

    def place(self, part: Part) -> tuple[int, ...]:
        """Return where a part stands: its node, and among the constants of that."""
        return self._places[part]

    @cached_property
    def _places(self) -> dict[Part, tuple[int, ...]]:
        places: dict[Part, tuple[int, ...]] = {}
        for index, node in enumerate(self.nodes):
            places[node] = (index,)
            for position, value in enumerate(constants(node)):
                places.setdefault(value, (index, position))
        return places


def _substitute(
    value: Literal, path: tuple[int, ...], found: dict[tuple[int, ...], str]
) -> ast.expr:
    if path in found:
        return ast.parse(found[path], mode="eval").body
    if isinstance(value, tuple):
        parts = [_substitute(v, (*path, i), found) for i, v in enumerate(value)]
        return ast.Tuple(parts, ast.Load())
    if isinstance(value, slice):
        ends = (value.start, value.stop, value.step)
        return ast.Slice(
            *(
                None if end is None else _substitute(end, (*path, i), found)
                for i, end in enumerate(ends)
            )
        )
    return literal(value)
