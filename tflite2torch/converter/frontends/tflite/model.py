"""The content of a .tflite file as plain data: tensors, operators, inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tflite2torch.converter.graph.value import Array, Shape


@dataclass(frozen=True)
class Quantization:
    """Affine quantization: a stored integer means ``scale * (stored - zero_point)``.

    Attributes:
        scale: float32, one for the tensor or one for each index of ``axis``.
        zero_point: int64, of the same length.
        axis: the quantized axis, if there are several scales.
    """

    scale: Array
    zero_point: Array
    axis: int

    def numbers(self, stored: Array) -> Array:
        """Return what stored integers mean, as float32."""
        shape = [1] * stored.ndim
        if self.scale.size > 1:
            shape[self.axis] = -1
        zero = self.zero_point.reshape(shape).astype(np.int32)
        scale = self.scale.reshape(shape).astype(np.float32)
        found: Array = (stored.astype(np.int32) - zero).astype(np.float32) * scale
        return found


@dataclass(frozen=True)
class Dimension:
    """One level of a sparse tensor: dense, or compressed as in the CSR format.

    Attributes:
        size: the number of indices of a dense level; 0 for a sparse one.
        segments: the indices of row ``i`` are ``indices[segments[i]:segments[i + 1]]``; None
            for a dense level.
        indices: the indices that have values; None for a dense level.
    """

    size: int
    segments: Array | None = None
    indices: Array | None = None


@dataclass(frozen=True)
class Sparsity:
    """The storage layout of a sparse tensor (schema: SparsityParameters).

    Attributes:
        traversal_order: the axis of each level; the axes of blocks are numbered after those
            of the tensor.
        block_map: for each axis of a block, the axis of the tensor that it divides.
        dimensions: the levels, outermost first.
    """

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file.

    Attributes:
        index: position in the file's list of tensors.
        name: untrusted text.
        shape: sizes of the axes; the batch size is a plain 1.
        free: the axes whose size the file leaves open; ``shape`` has a placeholder for it.
        dtype: numpy's name of the type, or TFLite's in lower case if numpy lacks the type.
        data: read-only elements of a constant: of the tensor's shape; one axis of stored
            values if it is sparse; raw uint8 if numpy lacks the type. None if not constant.
        quantization: None if the elements are not quantized.
        sparsity: None unless the tensor is a sparse constant.
    """

    index: int
    name: str
    shape: Shape
    dtype: str
    data: Array | None = None
    quantization: Quantization | None = None
    sparsity: Sparsity | None = None
    free: frozenset[int] = frozenset()

    @property
    def place(self) -> str:
        """The tensor's index and name, for messages."""
        return f"tensor {self.index} ({self.name[:80]!a})"


@dataclass(frozen=True)
class Operator:
    """An operator of a file.

    Attributes:
        index: position in the order of execution.
        name: name of the builtin or custom operator.
        custom: whether it is a custom operator.
        version: version of the operator's definition.
        inputs: indices of tensors; -1 for an omitted optional input.
        outputs: indices of tensors.
        options: an instance of the ``tflite`` package's class for its options; None without
            options, or if the package lacks the class.
        custom_options: raw bytes of a custom operator's options.
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
        """The operator's index and name, for messages."""
        return f"operator {self.index} ({self.name[:80]!a})"


@dataclass(frozen=True)
class TfliteModel:
    """The main subgraph of a verified .tflite file, and the file's metadata.

    Attributes:
        label: name of the file in messages.
        sha256: SHA-256 of the file, in hexadecimal.
        description: untrusted text.
        tensors: all tensors, by index.
        operators: all operators, in the order of execution.
        inputs: indices of tensors, in the file's order.
        outputs: indices of tensors, in the file's order.
        metadata: raw metadata buffers, by name.
    """

    label: str
    sha256: str
    description: str
    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: dict[str, bytes]
