"""The steps of a ``forward``, divided into statements that fit a line."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.nodes.elementwise import is_number
from tflite2torch.converter.graph.nodes.shape import Rows
from tflite2torch.converter.graph.nodes.stack import Stack
from tflite2torch.converter.graph.traversal import users_of
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.expression import Expression
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.structure.structure import Block, Stage, is_residual_add
from tflite2torch.converter.writer.expressions import literal, name, render, spelled

WIDTH = 72
"""The most characters of an expression before some of its operands get statements."""

USUAL = "x16"
"""Stands for variables that have no name yet: one of the usual length."""


@dataclass(eq=False)
class Step:
    """One statement, or a part of one: a node with the operands that are nested in it.

    Attributes:
        node: the node whose result it computes.
        operands: variables, constants, and steps that are nested.
        condition: when the node is carried out; otherwise its first operand passes on.
    """

    node: Node
    operands: list[Step | Value]
    condition: Expression | None = None

    def leaves(self) -> Iterator[Value]:
        """Yield the variables that the statement reads."""
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
    def nested(self) -> list[Step]:
        """The operands that are steps."""
        return [operand for operand in self.operands if isinstance(operand, Step)]


class Statements:
    """Divides the nodes of one class into statements, and gives the expression of each."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._users = users_of(scope.nodes)
        self._place = {node: place for place, node in enumerate(scope.nodes)}
        self._stored = {e: f"self.{a}" for e, a in scope.stored.items()}
        # Templates are rendered several times, until a statement fits.
        steps = [node for node in scope.nodes if node not in scope.attributes]
        self._codes = {node: node.code() for node in steps}
        self._symbols = {
            node: {
                argument: spelled(expression, self._stored)
                for argument, value in code.arguments.items()
                if (expression := scope.argument(node, argument, value)) is not None
            }
            for node, code in self._codes.items()
        }

    def steps(self) -> list[Step]:
        """Return the statements in an order in which they can run.

        What is read once is nested in the statement that reads it, if it fits. Steps on one
        condition stand together.
        """
        done: list[Step] = []
        waiting: dict[Value, Step] = {}  # steps that may be nested in what reads them
        conditions = self._scope.constructor.conditions
        for index, node in enumerate(self._scope.nodes):
            condition = conditions.get(index)
            for value in self._variables(node, condition):
                done += [waiting.pop(value)] if value in waiting else []
            step = Step(node, [waiting.get(v, v) for v in node.inputs], condition)
            done += self._split(step)
            for value in node.inputs:
                waiting.pop(value, None)
            if condition is None and self._may_nest(node):
                waiting[node.outputs[0]] = step
                continue
            if node.comment:
                # A step with a comment usually replaces its operand's variable: what else
                # reads that comes first, so that the operand needs no second name.
                read = set(step.leaves())
                for value, other in list(waiting.items()):
                    if not read.isdisjoint(other.leaves()):
                        done.append(waiting.pop(value))
            done.append(step)
        return _gather_conditions(done)

    def _variables(self, node: Node, condition: Expression | None) -> list[Value]:
        """Return the operands that must be variables, not nested expressions.

        A condition passes its first operand on, so that is computed in any case; what a
        template names twice must not be computed twice.
        """
        if condition is not None:
            return node.inputs
        if node in self._scope.attributes:
            return []
        count = Counter(re.findall(r"\bx\d+\b", self._codes[node].template))
        return [v for i, v in enumerate(node.inputs) if count[f"x{i}"] > 1]

    def _may_nest(self, node: Node) -> bool:
        """Return whether a node's result is read once, and may be computed right there.

        A comment needs a statement of its own. So does a block or stage of a model, unless
        what reads it joins several.
        """
        users = self._users.get(node.outputs[0], [])
        outside = not set(node.outputs).isdisjoint(self._scope.outputs)
        if len(node.outputs) > 1 or len(users) != 1 or outside or node.comment:
            return False
        if isinstance(node, Stage | Block) and self._scope.of_model:
            return isinstance(users[0], Concat | Rows) or is_residual_add(users[0])
        return True

    def _split(self, step: Step) -> list[Step]:
        """Take nested steps out until the statement fits, the longest first; return them."""
        out: list[Step] = []
        while len(self._text(step)) > WIDTH:
            place, nested = step, step.nested
            # Sums of sums stay one expression: the longer side of the innermost goes.
            while len(nested) == 1 and is_residual_add(nested[0].node) and nested[0].nested:
                place, nested = nested[0], nested[0].nested
            if not nested:
                break
            # The operands of a concatenation are alike, and are written alike.
            alike = isinstance(place.node, Concat | Rows | Stack)
            longest = max(nested, key=lambda operand: len(self._text(operand)))
            going = nested if alike else [longest]
            place.operands = [
                o.node.outputs[0] if isinstance(o, Step) and o in going else o
                for o in place.operands
            ]
            out += going
        return sorted(out, key=lambda operand: self._place[operand.node])

    def _text(self, step: Step) -> str:
        return ast.unparse(self.expression(step, lambda value: USUAL))

    def condition(self, condition: Expression) -> str:
        """Return a condition as ``forward`` asks it."""
        return ast.unparse(spelled(condition, self._stored))

    def expression(
        self,
        step: Step,
        variable: Callable[[Value], str],
        roots: dict[int, Node] | None = None,
    ) -> ast.expr:
        """Return the expression of a statement.

        Args:
            step: the statement.
            variable: gives the name of the variable that holds a value.
            roots: is filled with the node that each part computes, by the part's id.
        """
        operands = [
            self.expression(operand, variable, roots)
            if isinstance(operand, Step)
            else self._operand(step.node, operand, variable)
            for operand in step.operands
        ]
        attribute = self._scope.attributes.get(step.node)
        if attribute is not None:
            whole: ast.expr = ast.Call(name(f"self.{attribute}"), operands, [])
        else:
            whole = render(self._codes[step.node], operands, self._symbols[step.node])
        if roots is not None:
            roots[id(whole)] = step.node
        return whole

    def _operand(self, node: Node, value: Value, variable: Callable[[Value], str]) -> ast.expr:
        if value.data is None:
            return name(variable(value))
        if is_number(node, value):
            return literal(value.number)
        return name(f"self.{self._scope.attributes[value]}")


def _gather_conditions(steps: Sequence[Step]) -> list[Step]:
    """Move steps up to earlier ones on the same condition, where their operands are known."""
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
