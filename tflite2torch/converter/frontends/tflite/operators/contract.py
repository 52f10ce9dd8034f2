"""Contracts of operators: requirements on inputs and options, and the output shapes.

Each operator declares its contract where it is registered. The verifier checks all operators
of a file against their contracts before the graph is built, so that builders can rely on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tflite2torch.converter.frontends.tflite.buffers import MAX_RANK
from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.model import Operator, Tensor
from tflite2torch.converter.frontends.tflite.work_budget import WorkBudget
from tflite2torch.converter.graph.value import Shape

Shapes = Sequence["Shape | None"]
"""Output shapes; None for one that depends on the values of a computed input."""

ShapeRule = Callable[["Operands"], Shapes]
"""Returns the output shapes; raises FormatError if inputs and options are inconsistent.

Source of the rules: the checks of ``Prepare`` in the kernels of TensorFlow Lite.
"""

MANY = 2**16
"""Maximum number of inputs of a variadic operator."""

_ENUMERATIONS = {"FusedActivationFunction": 6, "Padding": 2}
"""Options that are enumerations, and their number of members in the schema."""

_QUANTIZED = ("int8", "uint8", "int16")
"""Arithmetic on these is not supported; the types of its outputs are not checked."""


@dataclass(frozen=True)
class Operands:
    """An operator with its tensors, for shape rules; an omitted optional input is None.

    All methods raise FormatError if a tensor or option does not meet the request.
    """

    operator: Operator
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    budget: WorkBudget

    @property
    def options(self) -> Any:
        """The options table, of the class that the contract names."""
        return self.operator.options

    def tensor(self, position: int) -> Tensor:
        """Return an input that must be present."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise FormatError(f"it lacks its input {position}")
        return tensor

    def shape(self, position: int, rank: int | None = None) -> Shape:
        """Return an input's shape, which must have the given rank, if any."""
        shape = self.tensor(position).shape
        if rank not in (None, len(shape)):
            raise FormatError(f"its input {position} of {list(shape)} must have {rank} axes")
        return shape

    def integers(self, position: int, count: int | None = None) -> Shape | None:
        """Return the integers of a constant input such as axes or sizes; None if computed."""
        tensor = self.tensor(position)
        if tensor.dtype not in ("int32", "int64"):
            raise FormatError(f"its input {position} is {tensor.dtype}, not integers")
        if tensor.data is None:
            return None
        size = tensor.data.size
        if size > (count or MAX_RANK) or count not in (None, size):
            raise FormatError(f"its input {position} cannot have {size} elements")
        return tuple(tensor.data.reshape(-1).tolist())

    def listed(self, field: str) -> tuple[int, ...]:
        """Return an option that is a list of axes or sizes."""
        count = getattr(self.options, f"{field}Length")()
        if count > MAX_RANK:
            raise FormatError(f"its {field} has {count} elements")
        return tuple(getattr(self.options, field)(i) for i in range(count))

    def check_indices(self, position: int, bound: int) -> None:
        """Check that an input is an integer, and in [0, ``bound``) where it is constant."""
        if self.tensor(position).dtype not in ("int16", "int32", "int64"):
            raise FormatError(f"its indices are {self.tensor(position).dtype}")
        indices = self.tensor(position).data
        if indices is None or not indices.size:
            return
        self.budget.spend(indices.size)
        if not 0 <= indices.min() <= indices.max() < bound:
            raise FormatError(f"its indices are not all below {bound}")

    def check_weights(self, filters: int, data: int = 0) -> None:
        """Check the types of weight (input 1) and bias, and the number of biases.

        With float32 data (input ``data``) the weight may be quantized and the bias must be
        float32. The bias is the input behind data and weight.
        """
        dtype, weights = self.tensor(data).dtype, self.tensor(1).dtype
        if dtype == "float32" and weights not in ("float32", "int8", "uint8", "int4"):
            raise FormatError(f"its weights are {weights}, its data {dtype}")
        position = max(data, 1) + 1
        bias = self.inputs[position] if position < len(self.inputs) else None
        if bias is None:
            return
        mixed = "float32" in (dtype, bias.dtype) and dtype != bias.dtype
        if mixed or math.prod(bias.shape) != filters:
            raise FormatError(
                f"a bias of {bias.dtype} {list(bias.shape)} for {filters} filters over {dtype}"
            )


def axis_from_front(axis: int, rank: int) -> int:
    """Return an axis or index counted from the front; FormatError if it is out of range."""
    if not -rank <= axis < rank:
        raise FormatError(f"{axis} is out of range: there are {rank}")
    return axis % rank


def check_positive(*sizes: int) -> None:
    """Raise FormatError if a size is below one."""
    if min(sizes) < 1:
        raise FormatError(f"its sizes {sizes} must be positive")


def same_shape(operands: Operands) -> Shapes:
    """Return the shape of the first input for every output."""
    return [operands.shape(0)] * len(operands.outputs)


def broadcast_shapes(shapes: Sequence[Shape]) -> Shape:
    """Return the shape that all shapes broadcast to; FormatError if they do not."""
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = []
    for sizes in zip(*padded, strict=True):
        wide = set(sizes) - {1}
        if len(wide) > 1:
            raise FormatError(f"{[list(shape) for shape in shapes]} do not broadcast")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def resized(shape: Shape, axis: int, size: int) -> Shape:
    """Return a shape with the size of one axis replaced."""
    return (*shape[:axis], size, *shape[axis + 1 :])


@dataclass(frozen=True)
class Contract:
    """Requirements on an operator of a file.

    Attributes:
        shapes: returns the output shapes.
        inputs: minimum and maximum number of inputs; those beyond the minimum are optional.
        options: name of the class of its options; empty if it has none that matter.
        gives: dtype of the outputs, or position of the input with the same dtype; None if
            any dtype is allowed.
        outputs: number of outputs; None if any number is allowed.
        needs_options: whether the options are mandatory.
    """

    shapes: ShapeRule
    inputs: tuple[int, int]
    options: str
    gives: str | int | None
    outputs: int | None
    needs_options: bool

    def check(self, operator: Operator, tensors: list[Tensor], budget: WorkBudget) -> None:
        """Raise FormatError if an operator, whose tensors exist, violates the contract."""
        self._check_counts(operator)
        self._check_options(operator)
        operands = Operands(
            operator,
            [tensors[index] if index >= 0 else None for index in operator.inputs],
            [tensors[index] for index in operator.outputs],
            budget,
        )
        gives = self.gives
        dtype = operands.tensor(gives).dtype if isinstance(gives, int) else gives
        dtype = None if dtype in _QUANTIZED else dtype
        for output, shape in zip(operands.outputs, self.shapes(operands), strict=True):
            if shape not in (None, output.shape) or dtype not in (None, output.dtype):
                raise FormatError(
                    f"it gives {dtype or output.dtype} {list(shape or output.shape)}, "
                    f"but {output.place} is {output.dtype} {list(output.shape)}"
                )

    def _check_counts(self, operator: Operator) -> None:
        inputs, outputs = operator.inputs, len(operator.outputs)
        least, most = self.inputs
        if not least <= len(inputs) <= most:
            raise FormatError(f"it cannot have {len(inputs)} inputs")
        if -1 in inputs[:least]:
            raise FormatError(f"it lacks its input {inputs.index(-1)}")
        if self.outputs not in (None, outputs) or not outputs:
            raise FormatError(f"it cannot have {outputs} outputs")

    def _check_options(self, operator: Operator) -> None:
        options = operator.options
        if not self.options or (options is None and not self.needs_options):
            return
        if type(options).__name__ != self.options:
            raise FormatError(f"it lacks its options, of the class {self.options}")
        for field, count in _ENUMERATIONS.items():
            read = getattr(options, field, None)
            if read is not None and not 0 <= read() < count:
                raise FormatError(f"its {field} is number {read()} of {count}")
