"""The registry of supported TFLite operators: contract and builder of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, NamedTuple

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.model import Operator, Tensor
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Contract,
    ShapeRule,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.value import Array, Value

_ACTIVATIONS = {0: None, 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
"""Fused activations (schema: ActivationFunctionType) that TFLite's kernels implement; they
ignore or reject TANH and SIGN_BIT."""


class NotSupportedError(Exception):
    """An operator cannot be converted; the message says why."""


@dataclass(frozen=True)
class OperatorCall:
    """An operator of a file with the graph's values for its tensors, as builders get it.

    Builtin operators have been checked against their contract. An omitted optional input is
    None. Methods raise NotSupportedError for an input of a type that is not supported.
    """

    label: str
    operator: Operator
    inputs: list[Value | None]
    outputs: list[Value]
    tensors: Sequence[Tensor]

    @property
    def options(self) -> Any:
        """The options table, of the class that the contract names."""
        return self.operator.options

    @property
    def output(self) -> Value:
        """The first output."""
        return self.outputs[0]

    def input(self, position: int) -> Value:
        """Return an input that must be present."""
        value = self.optional(position)
        if value is None:
            raise self.damaged(f"it lacks its input {position}")
        return value

    def optional(self, position: int) -> Value | None:
        """Return an input, or None where the file omits it."""
        return self.inputs[position] if position < len(self.inputs) else None

    def floating(self, position: int) -> Value:
        """Return an input that must be float32."""
        value = self.input(position)
        if value.dtype != "float32":
            raise NotSupportedError(f"its input {position} is {value.dtype}")
        return value

    def image(self, position: int) -> Value:
        """Return an input of a custom operator that must be float32 with four axes."""
        value = self.floating(position)
        if value.rank != 4:
            raise self.damaged(f"input {list(value.shape)} must have four axes")
        return value

    def tensor(self, position: int) -> Tensor:
        """Return the file's tensor of an input that is present."""
        return self.tensors[self.operator.inputs[position]]

    def constant(self, position: int) -> Array:
        """Return the data of an input that must be constant."""
        value = self.input(position)
        if value.data is None:
            raise NotSupportedError(f"its input {position} is computed, not a constant")
        return value.data

    def integers(self, position: int) -> tuple[int, ...]:
        """Return the elements of a constant input as Python integers."""
        return tuple(int(item) for item in self.constant(position).reshape(-1))

    def weight(self, position: int) -> Value:
        """Return a constant input as float32.

        Weights of dynamic range quantization (quantized weights, float32 computation) are
        dequantized.
        """
        value = self.input(position)
        data = self.constant(position)
        if value.dtype == "float32":
            return value
        if value.dtype in ("int8", "uint8"):
            return dequantized(value, data, self.tensor(position))
        raise NotSupportedError(f"its weights are {value.dtype}, not floating point")

    def bias(self, position: int) -> Value:
        """Return a constant input as a float32 vector; CONV_2D takes biases of any rank."""
        value = self.weight(position)
        if value.rank == 1:
            return value
        return value.reshaped((value.array.size,))

    def axes(self, position: int, rank: int) -> tuple[int, ...]:
        """Return a constant input as distinct axes, counted from the front and sorted."""
        return tuple(sorted({axis % rank for axis in self.integers(position)}))

    def activated(self, nodes: list[Node], code: int) -> list[Node]:
        """Return nodes followed by the fused activation of this code, if any.

        The activation applies to the first output of the last node. Its input is a value
        without a tensor in the file.
        """
        if code not in _ACTIVATIONS:
            raise NotSupportedError(f"its fused activation is number {code}")
        function = _ACTIVATIONS[code]
        if function is None:
            return nodes
        output, *others = nodes[-1].outputs
        before = Value(output.name, output.shape, output.dtype)
        nodes[-1].outputs = [before, *others]
        return [*nodes, Elementwise([before], [output], function)]

    def damaged(self, cause: str) -> InvalidModelError:
        """Return the error for a custom operator with invalid inputs or options."""
        place = f"operator {self.operator.index} ({self.operator.name})"
        return InvalidModelError(
            f"{self.label}: {place}: {cause}; the file is damaged, fetch it again"
        )


def dequantized(value: Value, stored: Array, tensor: Tensor) -> Value:
    """Return a quantized constant as float32: ``scale * (stored - zero_point)``."""
    if tensor.quantization is None:
        raise NotSupportedError(f"{value.dtype} weights without a scale")
    return replace(value, dtype="float32", data=tensor.quantization.numbers(stored))


Builder = Callable[[OperatorCall], list[Node]]


class BuiltinOperator(NamedTuple):
    """A supported builtin operator."""

    contract: Contract
    build: Builder


OPERATORS: dict[str, BuiltinOperator] = {}
"""Builtin operators, by name."""

CUSTOM_OPERATORS: dict[str, dict[int, Builder]] = {}
"""Custom operators, by name and version. A separate table, since a file may give a custom
operator the name of a builtin one."""


def operator(
    *names: str,
    shapes: ShapeRule,
    inputs: int | tuple[int, int] = 1,
    options: str = "",
    gives: str | int | None = 0,
    outputs: int | None = 1,
    needs_options: bool = True,
) -> Callable[[Builder], Builder]:
    """Register a builder for builtin operators that share a contract; see ``Contract``."""
    counts = (inputs, inputs) if isinstance(inputs, int) else inputs
    contract = Contract(shapes, counts, options, gives, outputs, needs_options)

    def register(builder: Builder) -> Builder:
        for name in names:
            if name in OPERATORS:
                raise ValueError(f"operator {name} is registered twice")
            OPERATORS[name] = BuiltinOperator(contract, builder)
        return builder

    return register


def custom_operator(
    name: str, version: int = 1, *, inputs: int = 1, outputs: int = 1
) -> Callable[[Builder], Builder]:
    """Register a builder for one version of a custom operator.

    The verifier does not check custom operators. Building raises InvalidModelError unless the
    operator has this many inputs and outputs, and all outputs are float32.
    """

    def register(builder: Builder) -> Builder:
        versions = CUSTOM_OPERATORS.setdefault(name, {})
        if version in versions:
            raise ValueError(f"operator {name}, {version} is registered twice")

        @wraps(builder)
        def checked(call: OperatorCall) -> list[Node]:
            given = len(call.inputs), len(call.outputs)
            types = {value.dtype for value in call.outputs}
            if given != (inputs, outputs) or types != {"float32"}:
                raise call.damaged(
                    f"{given[0]} inputs and {given[1]} outputs of "
                    f"{', '.join(sorted(types))}, where {inputs} and {outputs} of float32 "
                    "belong"
                )
            return builder(call)

        versions[version] = checked
        return builder

    return register


def find_builder(operator: Operator) -> Builder:
    """Return the builder of an operator; NotSupportedError if there is none."""
    if not operator.custom:
        if operator.name not in OPERATORS:
            raise NotSupportedError("no such operator is known")
        return OPERATORS[operator.name].build
    versions = CUSTOM_OPERATORS.get(operator.name)
    if versions is None:
        raise NotSupportedError("no such custom operator is known")
    if operator.version not in versions:
        known = ", ".join(map(str, sorted(versions)))
        raise NotSupportedError(f"its version is {operator.version}; known is {known}")
    return versions[operator.version]
