"""What a .tflite file says, as plain data: tensors, operators, inputs, outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tflite2torch.converter.graph.value import Array, Shape


@dataclass(frozen=True)
class Quantization:
    """How stored integers stand for numbers: ``scale * (stored - zero_point)``.

    Attributes:
        scale: float32, one for the tensor or one for each index of ``axis``.
        zero_point: int64, as many.
        axis: the axis that several scales run along.
    """

    scale: Array
    zero_point: Array
    axis: int


@dataclass(frozen=True)
class Dimension:
    """One level of a sparse tensor: dense, or a list of the indices that are stored.

    Attributes:
        size: how many indices there are; 0 for a sparse level.
        segments: where each row's share of ``indices`` begins, and where the last one
            ends; None for a dense level.
        indices: the indices that are stored; None for a dense level.
    """

    size: int
    segments: Array | None = None
    indices: Array | None = None


@dataclass(frozen=True)
class Sparsity:
    """How the values of a sparse tensor are laid out (schema: SparsityParameters).

    Attributes:
        traversal_order: the axes, then the block axes, in the order of the levels.
        block_map: the axis that each block axis is a part of.
        dimensions: the levels, outermost first.
    """

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file.

    Attributes:
        index: its place in the file's list.
        name: untrusted text.
        shape: its sizes; the batch is a plain 1.
        dtype: numpy's name; a type that numpy lacks keeps TFLite's, in lower case.
        data: what a constant holds, read-only: shaped; one axis of stored values where
            it is sparse; raw uint8 where numpy lacks the type. None for all others.
        quantization: for integers that stand for other numbers.
        sparsity: for constants that store only some of their values.
    """

    index: int
    name: str
    shape: Shape
    dtype: str
    data: Array | None = None
    quantization: Quantization | None = None
    sparsity: Sparsity | None = None

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"tensor {self.index} ({self.name[:80]!a})"


@dataclass(frozen=True)
class Operator:
    """A step of a file.

    Attributes:
        index: its place in the order of execution.
        name: TFLite's name of it; of a custom operator, what the file calls it.
        custom: whether its meaning is defined outside TFLite.
        version: of the operator's definition.
        inputs: indices of tensors; -1 where an optional one is left out.
        outputs: indices of tensors.
        options: the table of options, of the class that the ``tflite`` package has for
            it; None where there is none.
        custom_options: raw options of a custom operator.
    """

    index: int
    name: str
    custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    custom_options: bytes

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"operator {self.index} ({self.name[:80]!a})"


@dataclass(frozen=True)
class TfliteModel:
    """A verified .tflite file: what its main subgraph says, and its metadata.

    Attributes:
        label: how messages name the file.
        sha256: of the whole file, in hex.
        description: untrusted text.
        tensors: all of them, by index.
        operators: in the order of execution.
        inputs: indices of tensors, in the file's order.
        outputs: indices of tensors, in the file's order.
        metadata: raw buffers by name.
    """

    label: str
    sha256: str
    description: str
    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: dict[str, bytes]
