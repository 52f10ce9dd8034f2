"""A small language of patterns, to find arithmetic that spells out one operation.

``of("add", X, of("mul", X, Y))`` matches the sum of a value and of its product with another
one, whichever order their operands have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.value import Value

COMMUTATIVE = {"add", "mul", "squared_difference"}


@dataclass(eq=False, frozen=True)
class Pattern:
    """Describes a value: the result of a function whose operands match patterns in turn.

    A pattern without a function matches any value; with ``constant``, any constant. The same
    pattern object stands for the same value wherever it is used.
    """

    function: str = ""
    operands: tuple[Pattern, ...] = ()
    constant: bool = False


def of(function: str, *operands: Pattern) -> Pattern:
    """Return the pattern of a function's result.

    Args:
        function: ``Elementwise.function``, or ``last_axis_mean`` and the like for a reduction
            of a value's channels to an axis of one element.
        operands: patterns of its operands.
    """
    return Pattern(function, operands)


Bindings = dict[Pattern, Value]


class Matcher:
    """Matches patterns against the values of one graph, as it stands when it is made."""

    def __init__(self, graph: Graph) -> None:
        self._producers = graph.producers()
        self._users = graph.users()
        self._outputs = set(graph.outputs)

    def match(self, pattern: Pattern, node: Node) -> Bindings | str | None:
        """Return the value that each pattern stands for, if a node's first result matches.

        None if the arithmetic does not match; a reason if it does, but the node cannot be
        replaced because a value inside is read elsewhere too.
        """
        end = node.outputs[0]
        for bindings in self._match(pattern, end, {}):
            # What replaces the node makes all inner values superfluous. Were one of them
            # read elsewhere, the arithmetic would have to stay beside its replacement.
            inner = {bindings[p] for p in bindings if p.function} - {end}
            nodes = {self._producers[value] for value in inner} | {node}
            for value in inner:
                if value in self._outputs or not nodes.issuperset(self._users[value]):
                    return f"{value.name!a} is read by others too"
            return bindings
        return None

    def _match(self, pattern: Pattern, value: Value, seen: Bindings) -> Iterator[Bindings]:
        """Yield each way in which a value matches, given what earlier patterns stand for.

        There may be several, for operands of commutative functions match in either order;
        which of them is right may only show in what matches later.
        """
        if pattern in seen:
            if seen[pattern] is value:
                yield seen
        elif not pattern.function:
            if not pattern.constant or value.data is not None:
                yield {**seen, pattern: value}
        else:
            node = self._producers.get(value)
            if node is not None and _function(node) == pattern.function:
                # The value is bound before its operands are looked at; a binding that leads
                # nowhere is forgotten, for every step extends a copy.
                for operands in _orders(pattern, node):
                    yield from self._match_all(pattern.operands, operands, {**seen, pattern: value})

    def _match_all(
        self, patterns: tuple[Pattern, ...], values: list[Value], seen: Bindings
    ) -> Iterator[Bindings]:
        """Yield each way in which all operands match."""
        if not patterns:
            yield seen
            return
        # Each way in which the first operand matches is tried with the others.
        for bindings in self._match(patterns[0], values[0], seen):
            yield from self._match_all(patterns[1:], values[1:], bindings)


def _orders(pattern: Pattern, node: Node) -> Iterator[list[Value]]:
    """Yield a node's operands in each order in which a pattern may take them."""
    if len(node.inputs) == len(pattern.operands):
        yield node.inputs
        if pattern.function in COMMUTATIVE:
            yield node.inputs[::-1]


def _function(node: Node) -> str:
    """Return the name of a node's function in patterns; empty if it has none."""
    match node:
        case Elementwise(function=function):
            return function
        case Reduce(function=function, axes=axes, keepdim=True) if axes == (
            node.inputs[0].rank - 1,
        ):
            return f"last_axis_{function}"
        case _:
            return ""
