"""Which TFLite operators are understood, and what each of their functions is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from converter.errors import InvalidModelError
from converter.graph import Array, Node, Value
from converter.reader.model import Operator


class NotSupportedError(Exception):
    """An operator that cannot be converted; the message says what about it."""


@dataclass(frozen=True)
class OperatorCall:
    """One operator of a file: its options, and the values it reads and writes."""

    label: str
    operator: Operator
    inputs: list[Value | None]
    outputs: list[Value]

    @property
    def place(self) -> str:
        """How messages name the operator."""
        return f"{self.label}: operator {self.operator.index} ({self.operator.name})"

    @property
    def options(self) -> Any:
        """The table of its options; an operator without one is an invalid model."""
        if self.operator.options is None:
            raise InvalidModelError(
                f"{self.place} has no options; the file is damaged, fetch it again"
            )
        return self.operator.options

    @property
    def output(self) -> Value:
        return self.outputs[0]

    def input(self, position: int) -> Value:
        """Return an operand that has to be there."""
        value = self.optional(position)
        if value is None:
            raise InvalidModelError(
                f"{self.place} lacks its input {position}; "
                "the file is damaged, fetch it again"
            )
        return value

    def optional(self, position: int) -> Value | None:
        """Return an operand, or None where the file leaves it out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def constant(self, position: int) -> Array:
        """Return what a constant operand holds; NotSupportedError where it is computed."""
        value = self.input(position)
        if value.data is None:
            raise NotSupportedError(f"its input {position} is computed, not a constant")
        return value.data

    def integers(self, position: int) -> tuple[int, ...]:
        """Return a constant operand as plain integers."""
        data = self.constant(position)
        if data.dtype.kind not in "iu":
            raise InvalidModelError(
                f"{self.place}: input {position} holds {data.dtype}, not integers"
            )
        return tuple(int(item) for item in data.reshape(-1))

    def weight(self, position: int) -> Value:
        """Return a constant operand of floating-point numbers."""
        value = self.input(position)
        self.constant(position)
        if value.dtype not in ("float32", "float64"):
            raise NotSupportedError(
                f"its weights are {value.dtype}, not floating point"
            )
        return value

    def activation(self, code: int) -> str | None:
        """Return the name of a fused activation (schema: ActivationFunctionType)."""
        names = {0: None, 1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh"}
        if code not in names:
            raise NotSupportedError(f"its fused activation is number {code}")
        return names[code]

    def axes(self, axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
        """Return axes counted from the front, without repetition, checked."""
        for axis in axes:
            if not -rank <= axis < rank:
                raise InvalidModelError(
                    f"{self.place}: axis {axis} of a tensor with {rank} axes"
                )
        return tuple(sorted({axis % rank for axis in axes}))


Builder = Callable[[OperatorCall], list[Node]]
OPERATORS: dict[str, Builder] = {}


def operator(*names: str) -> Callable[[Builder], Builder]:
    """Register a function as the meaning of the TFLite operators of these names."""

    def register(builder: Builder) -> Builder:
        for name in names:
            if name in OPERATORS:
                raise ValueError(f"operator {name} is registered twice")
            OPERATORS[name] = builder
        return builder

    return register
