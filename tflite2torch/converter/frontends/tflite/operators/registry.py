"""Which TFLite operators are understood, and what each of their functions is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.model import Operator, Tensor
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Array, Value


class NotSupportedError(Exception):
    """An operator that cannot be converted; the message says what about it."""


@dataclass(frozen=True)
class OperatorCall:
    """One operator of a file: its options, and the values it reads and writes."""

    label: str
    operator: Operator
    inputs: list[Value | None]
    outputs: list[Value]
    tensors: Sequence[Tensor]

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

    def floating(self, position: int) -> Value:
        """Return an operand of float32 numbers."""
        value = self.input(position)
        if value.dtype != "float32":
            raise NotSupportedError(f"its input {position} is {value.dtype}")
        return value

    def image(self, position: int) -> Value:
        """Return an operand of float32 numbers with four axes."""
        value = self.floating(position)
        if value.rank != 4:
            raise InvalidModelError(
                f"{self.place}: input {list(value.shape)} must have four axes; "
                "the file is damaged, fetch it again"
            )
        return value

    def signature(self, inputs: int, outputs: int) -> None:
        """Check the operands of a custom operator, of which the reader verifies nothing."""
        given = len(self.inputs), len(self.outputs)
        types = {value.dtype for value in self.outputs}
        if given != (inputs, outputs) or types != {"float32"}:
            raise InvalidModelError(
                f"{self.place}: {given[0]} inputs and {given[1]} outputs of "
                f"{', '.join(sorted(types))}, where {inputs} and {outputs} of float32 "
                "belong; the file is damaged, fetch it again"
            )

    def tensor(self, position: int) -> Tensor:
        """Return what the file says of an operand that is there."""
        return self.tensors[self.operator.inputs[position]]

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
        """Return a constant operand of floating-point numbers.

        Quantized weights of an operator that computes in floating point (dynamic range)
        are dequantized.
        """
        value = self.input(position)
        data = self.constant(position)
        if value.dtype == "float32":
            return value
        if value.dtype in ("int8", "uint8"):
            return dequantized(value, data, self.tensor(position))
        raise NotSupportedError(f"its weights are {value.dtype}, not floating point")

    def activation(self, code: int) -> str | None:
        """Return the name of a fused activation (schema: ActivationFunctionType).

        TFLite's kernels leave TANH and SIGN_BIT undone, or refuse them.
        """
        names = {0: None, 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
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


def dequantized(value: Value, stored: Array, tensor: Tensor) -> Value:
    """Return what quantized weights stand for: ``scale * (stored - zero_point)``.

    One scale for the tensor, or one for each index of the axis that the file names.
    """
    quantization = tensor.quantization
    if quantization is None or quantization.scale.size == 0:
        raise NotSupportedError(f"{value.dtype} weights without a scale")
    shape = [1] * stored.ndim
    if quantization.scale.size > 1:
        shape[quantization.axis] = -1
    zero = quantization.zero_point.reshape(shape).astype(np.int32)
    scale = quantization.scale.reshape(shape).astype(np.float32)
    data = (stored.astype(np.int32) - zero).astype(np.float32) * scale
    return Value(
        value.name, value.shape, "float32", value.tensor, value.order, data=data
    )


def shortest(value: float) -> float:
    """Return a float32 as the shortest decimal that says it exactly."""
    return float(str(np.float32(value)))


Builder = Callable[[OperatorCall], list[Node]]
OPERATORS: dict[str, Builder] = {}
"""TFLite's operators, by name."""

CUSTOM_OPERATORS: dict[str, dict[int, Builder]] = {}
"""Custom operators, by the name that files give them and by version: a file may call one
of its own like one of TFLite's."""


def operator(*names: str) -> Callable[[Builder], Builder]:
    """Register a function as the meaning of the TFLite operators of these names."""

    def register(builder: Builder) -> Builder:
        for name in names:
            if name in OPERATORS:
                raise ValueError(f"operator {name} is registered twice")
            OPERATORS[name] = builder
        return builder

    return register


def custom_operator(name: str, version: int = 1) -> Callable[[Builder], Builder]:
    """Register a function as the meaning of one version of a custom operator."""

    def register(builder: Builder) -> Builder:
        versions = CUSTOM_OPERATORS.setdefault(name, {})
        if version in versions:
            raise ValueError(f"operator {name}, {version} is registered twice")
        versions[version] = builder
        return builder

    return register


def find_builder(name: str, custom: bool, version: int) -> Builder:
    """Return the meaning of an operator; NotSupportedError where none is known."""
    if not custom:
        if name not in OPERATORS:
            raise NotSupportedError("no such operator is known")
        return OPERATORS[name]
    versions = CUSTOM_OPERATORS.get(name)
    if versions is None:
        raise NotSupportedError("no such custom operator is known")
    if version not in versions:
        known = ", ".join(map(str, sorted(versions)))
        raise NotSupportedError(f"its version is {version}; known is {known}")
    return versions[version]
