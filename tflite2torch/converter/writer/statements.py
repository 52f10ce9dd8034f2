"""Nodes → the statements of a ``forward``, before their values have names."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.nodes.elementwise import is_number
from tflite2torch.converter.graph.nodes.shape import Rows
from tflite2torch.converter.graph.nodes.stack import Stack
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.expression import Expression
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.structure.structure import Block, Stage, is_join
from tflite2torch.converter.writer.expressions import literal, name, render, spelled

WIDTH = 72
"""What an expression may take inside a method before it is split in two."""

USUAL = "x16"
"""A variable's name of the usual length."""


@dataclass(eq=False)
class Step:
    """A node with those of its operands that are written into the same statement.

    Attributes:
        node: what the statement gives.
        operands: values that have a name, and steps that are written in place.
        condition: when it is carried out; otherwise its first operand passes on.
    """

    node: Node
    operands: list[Step | Value]
    condition: Expression | None = None

    def leaves(self) -> Iterator[Value]:
        """Yield the values that have to have a name."""
        for operand in self.operands:
            if isinstance(operand, Step):
                yield from operand.leaves()
            elif operand.data is None:
                yield operand

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes of the statement, in the order of their evaluation."""
        for operand in self.operands:
            if isinstance(operand, Step):
                yield from operand.nodes()
        yield self.node

    @property
    def inside(self) -> list[Step]:
        """The operands that are written in place."""
        return [operand for operand in self.operands if isinstance(operand, Step)]


class Statements:
    """Divides the steps of one class's ``forward`` into statements, and writes each."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._readers = _readers(scope)
        self._place = {node: place for place, node in enumerate(scope.nodes)}
        self._stored = {e: f"self.{a}" for e, a in scope.stored.items()}

    def steps(self) -> list[Step]:
        """Return the statements in their order.

        Operands that are read once are written into the statement that reads them, if they
        fit. What has the same condition stands together.
        """
        done: list[Step] = []
        waiting: dict[Value, Step] = {}
        conditions = self._scope.symbols.conditions
        for index, node in enumerate(self._scope.nodes):
            condition = conditions.get(index)
            for value in self._named(node, condition):
                done += [waiting.pop(value)] if value in waiting else []
            step = Step(node, [waiting.get(v, v) for v in node.inputs], condition)
            done += self._split(step)
            for value in node.inputs:
                waiting.pop(value, None)
            (output, *others) = node.outputs
            alone = not others and len(self._readers[output]) == 1 and not condition
            free = alone and output not in self._scope.outputs
            if free and self._blends_in(node):
                waiting[output] = step
            else:
                if node.comment:  # what reads the same goes first, and frees its name
                    done += _rivals(step, waiting)
                done.append(step)
        return _together(done)

    def _named(self, node: Node, condition: Expression | None) -> list[Value]:
        """Return the operands that have to have a name.

        What a condition decides on is computed in any case; what an expression names twice
        must not be computed twice.
        """
        if condition is not None:
            return node.inputs
        if node in self._scope.attributes:
            return []
        template = node.code().template
        places = enumerate(node.inputs)
        return [v for i, v in places if len(re.findall(rf"\bx{i}\b", template)) > 1]

    def condition(self, condition: Expression) -> str:
        """Return a condition as ``forward`` asks it."""
        return ast.unparse(spelled(condition, self._stored))

    def expression(
        self,
        step: Step,
        named: Callable[[Value], str],
        roots: dict[int, Node] | None = None,
    ) -> ast.expr:
        """Return a statement's expression; ``roots`` learns which part is which node's."""
        operands = [
            self.expression(operand, named, roots)
            if isinstance(operand, Step)
            else self._operand(step.node, operand, named)
            for operand in step.operands
        ]
        attribute = self._scope.attributes.get(step.node)
        if attribute is not None:
            whole: ast.expr = ast.Call(name(f"self.{attribute}"), operands, [])
        else:
            code = step.node.code()
            symbols = {
                argument: spelled(expression, self._stored)
                for argument, value in code.arguments.items()
                if (expression := self._scope.argument(step.node, argument, value))
                is not None
            }
            whole = render(code, operands, symbols)
        if roots is not None:
            roots[id(whole)] = step.node
        return whole

    def _blends_in(self, node: Node) -> bool:
        """Whether a step may stand inside another's statement, and explains itself there.

        In a model, parts stand in lines of their own, but for sums and the like of them.
        """
        if not isinstance(node, Stage | Block) or not self._scope.of_model:
            return node.comment is None
        (reader,) = self._readers[node.outputs[0]]
        return isinstance(reader, Concat | Rows) or is_join(reader)

    def _split(self, step: Step) -> list[Step]:
        """Take out operands, the longest first, until the statement fits; return them.

        A sum stays where it is: what is longer of its sides goes.
        """
        out: list[Step] = []
        while len(self._text(step)) > WIDTH:
            place, inside = step, step.inside
            while len(inside) == 1 and is_join(inside[0].node) and inside[0].inside:
                place, inside = inside[0], inside[0].inside
            if not inside:
                break
            longest = max(inside, key=lambda operand: len(self._text(operand)))
            # What is joined is alike, and looks alike.
            alike = isinstance(place.node, Concat | Rows | Stack)
            going = inside if alike else [longest]
            place.operands = [
                o.node.outputs[0] if isinstance(o, Step) and o in going else o
                for o in place.operands
            ]
            out += going
        return sorted(out, key=lambda operand: self._place[operand.node])

    def _text(self, step: Step) -> str:
        return ast.unparse(self.expression(step, lambda value: USUAL))

    def _operand(
        self, node: Node, value: Value, named: Callable[[Value], str]
    ) -> ast.expr:
        if value.data is None:
            return name(named(value))
        if is_number(node, value):
            return literal(number(value))
        return name(f"self.{self._scope.attributes[value]}")


def number(value: Value) -> Literal:
    """Return the only element of a constant, in the fewest digits that say it exactly."""
    assert value.data is not None
    element = value.data.reshape(-1)[0]
    if value.data.dtype.kind == "f":
        return float(str(np.float32(element)))
    return bool(element) if value.data.dtype.kind == "b" else int(element)


def _readers(scope: Scope) -> dict[Value, list[Node]]:
    """Map every value to the nodes that read it, once for each time they do."""
    readers: dict[Value, list[Node]] = {v: [] for n in scope.nodes for v in n.outputs}
    for node in scope.nodes:
        for value in node.inputs:
            readers.setdefault(value, []).append(node)
    return readers


def _rivals(step: Step, waiting: dict[Value, Step]) -> list[Step]:
    """Take the steps out that read what another one is about to replace."""
    read = set(step.leaves())
    found = [v for v, other in waiting.items() if not read.isdisjoint(other.leaves())]
    return [waiting.pop(value) for value in found]


def _together(steps: Sequence[Step]) -> list[Step]:
    """Bring steps on one condition together, where what they read is there by then."""
    rest, ordered = list(steps), list[Step]()
    while rest:
        first = rest.pop(0)
        ordered.append(first)
        if first.condition is None:
            continue
        pending = {value for step in rest for value in step.node.outputs}
        for step in list(rest):
            if step.condition == first.condition and pending.isdisjoint(step.leaves()):
                rest.remove(step)
                ordered.append(step)
                pending.difference_update(step.node.outputs)
    return ordered
