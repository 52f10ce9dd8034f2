"""Nodes → the statements of a ``forward``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from converter.graph import Literal, Node, Value
from converter.ops.elementwise import is_number
from converter.ops.pad import Pad
from converter.ops.pool import Pool2d
from converter.passes.blocks import Block
from converter.passes.stages import Stage
from converter.writer.expressions import evaluated, literal, name, render
from converter.writer.names import Namespace
from converter.writer.plan import Plan, Scope
from converter.writer.roles import kind_name

WIDTH = 72
"""What an expression may take inside a method before it is split in two."""

LINE = 80
"""What a statement with its comment may take inside a method."""


@dataclass
class Step:
    """A node with those of its operands that are written into the same statement."""

    node: Node
    operands: list[Step | Value]

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


class Forward:
    """Writes the body of one class's ``forward``."""

    def __init__(self, plan: Plan, scope: Scope) -> None:
        self._plan = plan
        self._scope = scope
        self._reads = _count_reads(scope)
        self._stored = {e: f"self.{a}" for e, a in scope.stored.items()}

    def lines(self, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
        """Return the statements; ``inputs`` and ``outputs`` are the names that they have."""
        steps = self._statements()
        last_use = {v: i for i, step in enumerate(steps) for v in step.leaves()}
        last_use.update({v: len(steps) for v in self._scope.outputs})
        names = dict(zip(self._scope.inputs, inputs, strict=True))
        wanted: dict[Value, str] = {}
        if len(self._scope.outputs) > 1:
            wanted = dict(zip(self._scope.outputs, outputs, strict=True))
        lines: list[str] = []
        for index, step in enumerate(steps):
            text = ast.unparse(self._expression(step, names.__getitem__))
            alive = {n for v, n in names.items() if last_use.get(v, -1) > index}
            targets = []
            for value in step.node.outputs:
                chosen = wanted.get(value) or self._free_name(
                    step, alive | set(wanted.values())
                )
                names[value] = chosen
                alive.add(chosen)
                targets.append(chosen)
            final = index == len(steps) - 1 and self._scope.outputs == step.node.outputs
            statement = f"return {text}" if final else f"{', '.join(targets)} = {text}"
            lines += _commented(statement, step)
            if final:
                return lines
        results = ", ".join(names[value] for value in self._scope.outputs)
        return [*lines, f"return {results}"]

    def operations(self) -> Iterator[Node | None]:
        """Yield what each operation gives, in the order in which Python evaluates them.

        An operation is what touches a tensor: a call, an operator, an index, an attribute.
        It gives a node's result, or None where that takes further operations.
        """
        for step in self._statements():
            roots: dict[int, Node] = {}
            whole = self._expression(step, lambda value: "x", roots)
            for part in evaluated(whole):
                yield roots.get(id(part))

    def _free_name(self, step: Step, alive: set[str]) -> str:
        """Return a name that says what a statement gives, and that is not in use."""
        if "x" not in alive:
            return "x"
        nodes = list(step.nodes())
        if all(isinstance(n, Pool2d | Pad) and not n.comment for n in nodes):
            return Namespace(alive).unique("shortcut")
        for node in reversed(nodes):
            attribute = self._scope.attributes.get(node)
            if attribute and attribute.rstrip("0123456789") != kind_name(node):
                return Namespace(alive).unique(attribute)
        return Namespace(alive).unique("features")

    def _statements(self) -> list[Step]:
        """Write operands that are read once into the statement that reads them, if they fit."""
        done: list[Step] = []
        waiting: dict[Value, Step] = {}
        for node in self._scope.nodes:
            step = Step(node, [waiting.get(value, value) for value in node.inputs])
            done += self._split(step)
            for value in node.inputs:
                waiting.pop(value, None)
            (output, *others) = node.outputs
            alone = not others and self._reads.get(output) == 1
            if alone and output not in self._scope.outputs and _blends_in(node):
                waiting[output] = step
            else:
                if node.comment:  # what reads the same goes first, and frees its name
                    done += _rivals(step, waiting)
                done.append(step)
        return done

    def _split(self, step: Step) -> list[Step]:
        """Take out operands, the longest first, until the statement fits; return them."""
        whole = [operand for operand in step.operands if isinstance(operand, Step)]
        inside = list(whole)
        while inside and len(self._text(step)) > WIDTH:
            longest = max(inside, key=lambda operand: len(self._text(operand)))
            inside.remove(longest)
            step.operands = [
                o.node.outputs[0] if o is longest and isinstance(o, Step) else o
                for o in step.operands
            ]
        return [operand for operand in whole if operand not in inside]

    def _text(self, step: Step) -> str:
        return ast.unparse(self._expression(step, lambda value: "features"))

    def _expression(
        self,
        step: Step,
        named: Callable[[Value], str],
        roots: dict[int, Node] | None = None,
    ) -> ast.expr:
        """Return a statement's expression; ``roots`` learns which part is which node's."""
        operands = [
            self._expression(operand, named, roots)
            if isinstance(operand, Step)
            else self._operand(step.node, operand, named)
            for operand in step.operands
        ]
        attribute = self._scope.attributes.get(step.node)
        if attribute is not None:
            whole: ast.expr = ast.Call(name(f"self.{attribute}"), operands, [])
        else:
            whole = render(
                step.node.code(), operands, lambda a: self._argument(step.node, a)
            )
        if roots is not None:
            roots[id(whole)] = step.node
        return whole

    def _operand(
        self, node: Node, value: Value, named: Callable[[Value], str]
    ) -> ast.expr:
        if value.data is None:
            return name(named(value))
        if is_number(node, value):
            return literal(number(value))
        return name(f"self.{self._scope.attributes[value]}")

    def _argument(self, node: Node, argument: str) -> ast.expr | None:
        """Return an argument with what its class's constructor has stored."""
        return self._scope.substituted(
            node, argument, node.code().arguments[argument], self._stored
        )


def number(value: Value) -> Literal:
    """Return the only element of a constant, in the fewest digits that say it exactly."""
    assert value.data is not None
    element = value.data.reshape(-1)[0]
    if value.data.dtype.kind == "f":
        return float(str(np.float32(element)))
    return bool(element) if value.data.dtype.kind == "b" else int(element)


def _count_reads(scope: Scope) -> dict[Value, int]:
    reads: dict[Value, int] = {}
    for value in [v for node in scope.nodes for v in node.inputs] + scope.outputs:
        reads[value] = reads.get(value, 0) + 1
    return reads


def _rivals(step: Step, waiting: dict[Value, Step]) -> list[Step]:
    """Take the steps out that read what another one is about to replace."""
    read = set(step.leaves())
    found = [v for v, other in waiting.items() if not read.isdisjoint(other.leaves())]
    return [waiting.pop(value) for value in found]


def _blends_in(node: Node) -> bool:
    """Whether a step may stand inside another's statement: no module, nothing to explain."""
    return not isinstance(node, Stage | Block) and node.comment is None


def _commented(statement: str, step: Step) -> list[str]:
    comments = dict.fromkeys(n.comment for n in step.nodes() if n.comment)
    if not comments:
        return [statement]
    comment = "# " + "; ".join(comments)
    if len(statement) + len(comment) + 2 <= LINE:
        return [f"{statement}  {comment}"]
    return [comment, statement]
