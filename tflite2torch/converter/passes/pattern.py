"""Finding arithmetic that spells out one thing: a small language of patterns."""

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
    """What a value must be: the result of a function of operands that match in turn.

    The same pattern object stands for the same value wherever it is used. A pattern without
    a function matches anything; with ``constant``, any constant.
    """

    function: str = ""
    operands: tuple[Pattern, ...] = ()
    constant: bool = False


def of(function: str, *operands: Pattern) -> Pattern:
    """Return the pattern of a function's result, named as its node names it."""
    return Pattern(function, operands)


Bindings = dict[Pattern, Value]


class Matcher:
    """Matches patterns against the values of one graph, as it stands when it is made."""

    def __init__(self, graph: Graph) -> None:
        self._producers = graph.producers()
        self._users = graph.users()
        self._outputs = set(graph.outputs)

    def match(self, pattern: Pattern, node: Node) -> Bindings | str:
        """Return the value that each pattern stands for, or why the node does not match."""
        (end,) = node.outputs
        for bindings in self._match(pattern, end, {}):
            inner = {bindings[p] for p in bindings if p.function} - {end}
            nodes = {self._producers[value] for value in inner} | {node}
            for value in inner:
                if value in self._outputs or not nodes.issuperset(self._users[value]):
                    return f"{value.name!a} is read by others too"
            return bindings
        return f"{end.name!a} is not such arithmetic"

    def _match(
        self, pattern: Pattern, value: Value, seen: Bindings
    ) -> Iterator[Bindings]:
        if pattern in seen:
            if seen[pattern] is value:
                yield seen
        elif not pattern.function:
            if not pattern.constant or value.data is not None:
                yield {**seen, pattern: value}
        else:
            node = self._producers.get(value)
            if node is not None and _function(node) == pattern.function:
                for operands in _orders(pattern, node):
                    yield from self._match_all(
                        pattern.operands, operands, {**seen, pattern: value}
                    )

    def _match_all(
        self, patterns: tuple[Pattern, ...], values: list[Value], seen: Bindings
    ) -> Iterator[Bindings]:
        if not patterns:
            yield seen
            return
        for bindings in self._match(patterns[0], values[0], seen):
            yield from self._match_all(patterns[1:], values[1:], bindings)


def _orders(pattern: Pattern, node: Node) -> Iterator[list[Value]]:
    if len(node.inputs) == len(pattern.operands):
        yield node.inputs
        if pattern.function in COMMUTATIVE:
            yield node.inputs[::-1]


def _function(node: Node) -> str:
    match node:
        case Elementwise(function=function):
            return function
        case Reduce(function=function, axes=axes, keepdim=True) if axes == (
            node.inputs[0].rank - 1,
        ):
            return f"last_axis_{function}"
        case _:
            return ""
