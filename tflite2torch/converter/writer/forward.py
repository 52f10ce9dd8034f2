"""The statements of a ``forward``, with names that say what their values hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.structure.structure import is_join
from tflite2torch.converter.writer.expressions import evaluated
from tflite2torch.converter.writer.statements import Statements, Step
from tflite2torch.converter.writer.variables import Variables

LINE = 80
"""What a statement with its comment may take inside a method."""

SHORTCUT = "shortcut"


class Forward:
    """Writes the body of one class's ``forward``."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._statements = Statements(scope)
        self._steps = self._statements.steps()
        self._place = {step: index for index, step in enumerate(self._steps)}
        self._last_read = {
            value: index
            for index, step in enumerate(self._steps)
            for value in step.leaves()
        }
        self._last_read |= {value: len(self._steps) for value in scope.outputs}

    @cached_property
    def operations(self) -> list[Node | None]:
        """What each operation gives, in the order in which Python evaluates them.

        An operation is what touches a tensor: a call, an operator, an index, an attribute.
        It gives a node's result, or None where that takes further operations.
        """
        given: list[Node | None] = []
        for step in self._steps:
            roots: dict[int, Node] = {}
            whole = self._statements.expression(step, lambda value: "x", roots)
            given += [roots.get(id(part)) for part in evaluated(whole)]
        return given

    def lines(self) -> list[str]:
        """Return the statements as text."""
        names = _Names(
            dict(zip(self._scope.input_names, self._scope.inputs, strict=True))
        )
        self._variables = Variables(self._scope, self._steps)
        lines = self._kept_entry(names)
        for run in self._runs():
            if run[0].condition is not None:
                lines += self._conditional(run, names)
            else:
                lines += self._statement(run[0], names)
        if not lines or not lines[-1].startswith("return"):
            results = ", ".join(names.of(value) for value in self._scope.outputs)
            lines.append(f"return {results}")
        return lines

    def _runs(self) -> Iterator[list[Step]]:
        """Yield the steps one by one, but those in a row that have one condition together.

        What such a step gives may be read in its run only if nothing else reads it: in other
        uses of the class it is what went in.
        """
        run: list[Step] = []
        for index, step in enumerate(self._steps):
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

    def _kept_entry(self, names: _Names) -> list[str]:
        """Keep what enters for the sum at the end, so that ``x`` runs through the layers."""
        entry = self._scope.inputs[0]
        sums = [
            s
            for s in self._steps
            for n in s.nodes()
            if is_join(n) and entry in n.inputs
        ]
        late = sums and sums[-1] is not self._steps[0]
        if self._scope.of_model or not late or len(self._scope.inputs) > 1:
            return []
        names.bind(SHORTCUT, entry)
        return [f"{SHORTCUT} = {names.of(entry)}"]

    def _statement(self, step: Step, names: _Names) -> list[str]:
        text = self._text(step, names)
        if self._is_last(step):
            return _commented(f"return {text}", step)
        targets: list[str] = []
        for value in step.node.outputs:
            targets.append(self._target(step, value, names, targets))
        for value, target in zip(step.node.outputs, targets, strict=True):
            names.bind(target, value)
        return _commented(f"{', '.join(targets)} = {text}", step)

    def _conditional(self, run: list[Step], names: _Names) -> list[str]:
        """Return steps on one condition: each replaces its first operand, or leaves it."""
        first = run[0]
        assert first.condition is not None
        condition = self._statements.condition(first.condition)
        if self._is_last(first):
            other = names.of(first.node.inputs[0])
            text = f"return {self._text(first, names)} if {condition} else {other}"
            return _commented(text, first)
        before: list[str] = []
        inside: list[str] = []
        for step in run:
            value, result = step.node.inputs[0], step.node.outputs[0]
            target = names.of(value)
            if self._is_needed(value, step, names, target):
                target = self._target(step, result, names, [])
                before.append(f"{target} = {names.of(value)}")
            inside += _commented(
                f"{target} = {self._text(step, names)}", step, LINE - 4
            )
            names.bind(target, result)
        return [*before, f"if {condition}:", *(f"    {line}" for line in inside)]

    def _text(self, step: Step, names: _Names) -> str:
        return ast.unparse(self._statements.expression(step, names.of))

    def _is_last(self, step: Step) -> bool:
        return step is self._steps[-1] and self._scope.outputs == step.node.outputs

    def _is_needed(self, value: Value, step: Step, names: _Names, name: str) -> bool:
        """Whether a value is read after a step, and has no other name by then."""
        later = self._last_read.get(value, -1) > self._place[step]
        return later and names.only(name, value)

    def _target(
        self, step: Step, value: Value, names: _Names, others: Sequence[str]
    ) -> str:
        """Return a name for what a statement gives that hides nothing still needed."""
        held = names.held
        taken = {n for n, v in held.items() if self._is_needed(v, step, names, n)}
        return self._variables.name(step, value, taken.union(others), held)


class _Names:
    """What each variable holds at one point of a ``forward``."""

    def __init__(self, held: Mapping[str, Value]) -> None:
        self.held: dict[str, Value] = {}
        self._names: dict[Value, list[str]] = {}
        for name, value in held.items():
            self.bind(name, value)

    def bind(self, name: str, value: Value) -> None:
        """Let a variable hold a value, and no longer what it held."""
        before = self.held.get(name)
        if before is not None:
            self._names[before].remove(name)
        self.held[name] = value
        self._names.setdefault(value, []).append(name)

    def of(self, value: Value) -> str:
        """Return the first variable that holds a value."""
        return self._names[value][0]

    def only(self, name: str, value: Value) -> bool:
        """Whether no other variable than this one holds a value."""
        return self._names[value] == [name]


def _commented(statement: str, step: Step, width: int = LINE) -> list[str]:
    comments = dict.fromkeys(n.comment for n in step.nodes() if n.comment)
    if not comments:
        return [statement]
    comment = "# " + "; ".join(comments)
    if len(statement) + len(comment) + 2 <= width:
        return [f"{statement}  {comment}"]
    return [comment, statement]
