"""The body of a ``forward``: its statements, with variables assigned and comments."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.structure.structure import Block, Stage, is_residual_add
from tflite2torch.converter.writer.expressions import evaluated
from tflite2torch.converter.writer.statements import Statements, Step
from tflite2torch.converter.writer.variables import Variables

LINE = 80
"""The most characters of a statement with its comment behind it."""

SHORTCUT = "shortcut"

Held = dict[str, Value]
"""The value of each variable at one point of a ``forward``, the oldest assignment first."""


class Forward:
    """The ``forward`` of one class; built once for all uses of the class."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._statements = Statements(scope)
        self._steps = self._statements.steps()
        self._place = {step: index for index, step in enumerate(self._steps)}
        self._last_read = {
            value: index for index, step in enumerate(self._steps) for value in step.leaves()
        }
        # The outputs are read by the return statement, after all steps.
        self._last_read |= {value: len(self._steps) for value in scope.outputs}
        self._variables = Variables(scope, self._steps)

    @cached_property
    def operations(self) -> list[Node | None]:
        """The operations on tensors, in the order in which Python evaluates them.

        An operation is a call, an operator, an index or an attribute. It stands as the node
        whose result it gives; as None where further operations make that result.
        """
        given: list[Node | None] = []
        for step in self._steps:
            # Names do not matter here: only the identity of the syntax nodes is used.
            roots: dict[int, Node] = {}
            whole = self._statements.expression(step, lambda value: "x", roots)
            given += [roots.get(id(part)) for part in evaluated(whole)]
            if len(step.node.outputs) > 1 and not self._is_last(step):
                # a, b = f(x) takes the items of the one result that a call has in a trace. A
                # block returns them as they are.
                calls = not isinstance(step.node, Block | Stage)
                given += [None] * len(step.node.outputs) * calls
        return given

    def lines(self) -> list[str]:
        """Return the statements as text."""
        held = dict(zip(self._scope.input_names, self._scope.inputs, strict=True))
        lines = self._kept_entry(held)
        for run in self._runs():
            if run[0].condition is not None:
                lines += self._conditional(run, held)
            else:
                lines += self._statement(run[0], held)
        if not lines or not lines[-1].startswith("return"):
            results = ", ".join(_variable(held, value) for value in self._scope.outputs)
            result = self._scope.result
            lines.append(f"return {result}({results})" if result else f"return {results}")
        return _each_comment_once(lines)

    def _runs(self) -> Iterator[list[Step]]:
        """Yield the steps one by one, but those that one ``if`` stands for together.

        A conditional step replaces its operand's variable, which in other uses of the class
        keeps the operand. So what such a step computes may be read under the same ``if``
        only if nothing reads it later.
        """
        run: list[Step] = []
        for index, step in enumerate(self._steps):
            # An inner result that is also read later must be there without the ``if`` too.
            given = {value for other in run for value in other.node.outputs}
            read = given.intersection(step.leaves())
            same = run and step.condition == run[0].condition is not None
            if same and all(self._last_read[value] == index for value in read):
                run.append(step)
                continue
            if run:
                yield run
            run = [step]
        if run:
            yield run

    def _kept_entry(self, held: Held) -> list[str]:
        """Keep a block's input for a later residual add, so that ``x`` can change."""
        entry = self._scope.inputs[0]
        adds = [
            index
            for index, step in enumerate(self._steps)
            for node in step.nodes()
            if is_residual_add(node) and entry in node.inputs
        ]
        several = self._scope.of_model or len(self._scope.inputs) > 1
        if several or not adds or adds[-1] == 0:
            return []
        _bind(held, SHORTCUT, entry)
        return [f"{SHORTCUT} = {_variable(held, entry)}"]

    def _statement(self, step: Step, held: Held) -> list[str]:
        text = self._text(step, held)
        if self._is_last(step):
            return _commented(f"return {text}", step)
        # All targets are chosen before any is assigned: the operands are still needed.
        targets: list[str] = []
        for value in step.node.outputs:
            targets.append(self._target(step, value, held, targets))
        for value, target in zip(step.node.outputs, targets, strict=True):
            _bind(held, target, value)
        return _commented(f"{', '.join(targets)} = {text}", step)

    def _conditional(self, run: list[Step], held: Held) -> list[str]:
        """Return steps on one condition: each replaces its first operand, or leaves it."""
        first = run[0]
        assert first.condition is not None
        condition = self._statements.condition(first.condition)
        if self._is_last(first):
            # What is returned needs no variable: one expression gives either value.
            other = _variable(held, first.node.inputs[0])
            text = f"return {self._text(first, held)} if {condition} else {other}"
            return _commented(text, first)
        before: list[str] = []
        inside: list[str] = []
        for step in run:
            value, result = step.node.inputs[0], step.node.outputs[0]
            target = _variable(held, value)
            if target in self._needed(step, held):
                # Its operand is read later: a second variable starts as the operand, so that
                # it holds the right value too where the condition does not hold.
                target = self._target(step, result, held, [])
                before.append(f"{target} = {_variable(held, value)}")
            text = f"{target} = {self._text(step, held)}"
            inside += _commented(text, step, LINE - 4)
            _bind(held, target, result)
        return [*before, f"if {condition}:", *(f"    {line}" for line in inside)]

    def _text(self, step: Step, held: Held) -> str:
        return ast.unparse(self._statements.expression(step, partial(_variable, held)))

    def _is_last(self, step: Step) -> bool:
        whole = self._scope.outputs == step.node.outputs and not self._scope.result
        return whole and step is self._steps[-1]

    def _needed(self, step: Step, held: Held) -> set[str]:
        """Return the variables that alone hold a value that is read after a step."""
        count, place = Counter(held.values()), self._place[step]
        later = {v for v in count if self._last_read.get(v, -1) > place}
        return {name for name, v in held.items() if v in later and count[v] == 1}

    def _target(self, step: Step, value: Value, held: Held, others: Sequence[str]) -> str:
        """Return a variable for a result that overwrites nothing still needed."""
        taken = self._needed(step, held).union(others)
        return self._variables.name(step, value, taken, held)


def _bind(held: Held, name: str, value: Value) -> None:
    """Assign a value to a variable, which becomes the youngest."""
    held.pop(name, None)  # a dict keeps the place of a key that is assigned again
    held[name] = value


def _variable(held: Held, value: Value) -> str:
    """Return the oldest variable that holds a value."""
    return next(name for name, other in held.items() if other is value)


def _each_comment_once(lines: Sequence[str]) -> list[str]:
    """Return lines without the comments, of a line of their own, that stand there already."""
    shown: set[str] = set()
    kept = []
    for line in lines:
        comment = line.lstrip()
        if not comment.startswith("#") or comment not in shown:
            kept.append(line)
            shown.add(comment)
    return kept


def _commented(statement: str, step: Step, width: int = LINE) -> list[str]:
    """Return a statement with its nodes' comments behind it, or above if that is too long."""
    comments = dict.fromkeys(n.comment for n in step.nodes() if n.comment)
    if not comments:
        return [statement]
    comment = "# " + "; ".join(comments)
    if len(statement) + len(comment) + 2 <= width:
        return [f"{statement}  {comment}"]
    return [comment, statement]
