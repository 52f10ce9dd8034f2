"""What a .tflite file says, as plain data: tensors, operators, inputs, outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tflite

from converter.errors import InvalidModelError
from converter.graph import Array, Shape
from converter.reader.buffers import (
    Buffers,
    byte_size,
    outside,
    tensor_shape,
    type_name,
)
from converter.reader.flatbuffer import Decoder, FormatError, Table
from converter.reader.schema import IDENTIFIER, TFLITE, VERSION
from converter.reader.sources import ModelFile
from converter.reader.verify import verify_graph
from converter.reader.verify_sparsity import verify_sparsity


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
        variable: whether it keeps its value from one run to the next.
    """

    index: int
    name: str
    shape: Shape
    dtype: str
    data: Array | None = None
    quantization: Quantization | None = None
    sparsity: Sparsity | None = None
    variable: bool = False

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


MAX_DENSE = 2**24
MAX_DENSE_RATIO = 2
"""Sparse constants may unpack to 16 MiB and twice the file; official ones, 1.9 times."""

CUSTOM = tflite.BuiltinOperator.CUSTOM
_NOTHING = np.empty(0, np.int32)


def read_model(file: ModelFile) -> TfliteModel:
    """Return what a model file says; nothing in it is used before it is verified.

    Raises:
        InvalidModelError: the file is broken or contradicts itself.
    """
    try:
        root = Decoder(file.data, TFLITE).root(IDENTIFIER, "Model")
        models = list(_models(file, root))
    except FormatError as error:
        raise InvalidModelError(
            f"{file.label}: {error}; the file is damaged, fetch it again"
        ) from error
    return models[0]


def _models(file: ModelFile, root: Table) -> Iterator[TfliteModel]:
    """Yield a verified model for each subgraph, the main one first."""
    if root.get("version") != VERSION:
        raise FormatError(f"its version is {root.get('version')}, not {VERSION}")
    if not root.get("subgraphs"):
        raise FormatError("it has no subgraph")
    buffers = Buffers(file.data, root.get("buffers", []))
    metadata = _metadata(root, buffers)
    for index, subgraph in enumerate(root["subgraphs"]):
        try:
            model = TfliteModel(
                file.label,
                file.sha256,
                root.get("description", ""),
                _tensors(subgraph, buffers, len(file.data)),
                list(_operators(file.data, root, subgraph)),
                _indices(subgraph, "inputs"),
                _indices(subgraph, "outputs"),
                metadata,
            )
            verify_graph(model)
        except FormatError as error:
            if index:
                error.path.append(f"subgraph {index}, ")
            raise
        yield model


def _indices(table: Table, field: str) -> tuple[int, ...]:
    return tuple(table.get(field, _NOTHING).tolist())


def _metadata(root: Table, buffers: Buffers) -> dict[str, bytes]:
    metadata: dict[str, bytes] = {}
    for entry in root.get("metadata", []):
        name = entry.get("name", "")
        try:
            if name in metadata:
                raise FormatError("there is another one of this name")
            metadata[name] = buffers[entry.get("buffer", 0)].tobytes()
        except FormatError as error:
            error.path.append(f"metadata {name[:80]!a}")
            raise
    return metadata


def _tensors(subgraph: Table, buffers: Buffers, file_size: int) -> list[Tensor]:
    computed = set(_indices(subgraph, "inputs"))
    for operator in subgraph.get("operators", []):
        computed.update(operator.get("outputs", _NOTHING).tolist())
    tensors = []
    for index, table in enumerate(subgraph.get("tensors", [])):
        try:
            tensors.append(_tensor(index, table, buffers, index in computed))
        except FormatError as error:
            error.path.append(f"tensor {index} ({table.get('name', '')[:80]!a})")
            raise
    dense = sum(byte_size(t.shape, t.dtype) for t in tensors if t.sparsity)
    if dense > MAX_DENSE + MAX_DENSE_RATIO * file_size:
        raise FormatError(f"its sparse constants unpack to {dense} bytes")
    return tensors


def _tensor(index: int, table: Table, buffers: Buffers, computed: bool) -> Tensor:
    if table.get("external_buffer"):
        raise FormatError("its values are in another file")
    dtype = type_name(table.get("type", 0))
    shape = tensor_shape(table.get("shape", _NOTHING), dtype)
    buffer, sparsity = table.get("buffer", 0), None
    if "sparsity" in table:
        sparsity = _sparsity(table["sparsity"])
        stored = buffers.values(buffer, dtype)
        verify_sparsity(sparsity, shape, len(stored))
        data: Array | None = stored
    else:
        data = buffers.constant(buffer, shape, dtype)
        if data is None and not computed and 0 in shape:
            data = np.empty(shape, np.uint8).view(dtype)
    return Tensor(
        index,
        table.get("name", ""),
        shape,
        dtype,
        data,
        _quantization(table.get("quantization", Table(0, "")), shape),
        sparsity,
        table.get("is_variable", False),
    )


def _quantization(table: Table, shape: Shape) -> Quantization | None:
    scale: Array = table.get("scale", _NOTHING)
    if not len(scale):
        return None
    zero_point: Array = table.get("zero_point", _NOTHING)
    axis = table.get("quantized_dimension", 0)
    if len(zero_point) != len(scale):
        raise FormatError(f"{len(scale)} scales and {len(zero_point)} zero points")
    if len(scale) > 1 and not (0 <= axis < len(shape) and len(scale) == shape[axis]):
        raise FormatError(
            f"{len(scale)} scales do not fit axis {axis} of {list(shape)}"
        )
    if not np.isfinite(scale).all():
        raise FormatError("a scale is not a finite number")
    return Quantization(scale, zero_point, axis)


def _sparsity(table: Table) -> Sparsity:
    return Sparsity(
        _indices(table, "traversal_order"),
        _indices(table, "block_map"),
        tuple(_dimension(entry) for entry in table.get("dim_metadata", [])),
    )


def _dimension(table: Table) -> Dimension:
    kind = table.get("format", 0)  # schema: DimensionType
    if kind == 0:
        return Dimension(table.get("dense_size", 0))
    if kind != 1:
        raise FormatError(f"a level is of kind {kind}, which does not exist")
    stored = []
    for field in ("array_segments", "array_indices"):
        vector = table.get(field)
        if vector is None:
            raise FormatError(f"a sparse level lacks its {field}")
        stored.append(vector.get("values", _NOTHING))
    return Dimension(0, *stored)


def _operators(data: bytes, root: Table, subgraph: Table) -> Iterator[Operator]:
    codes = root.get("operator_codes", [])
    for index, table in enumerate(subgraph.get("operators", [])):
        try:
            code = table.get("opcode_index", 0)
            if code >= len(codes):
                raise FormatError(f"its code {code} of {len(codes)} does not exist")
            yield _operator(index, data, table, codes[code])
        except FormatError as error:
            error.path.append(f"operator {index}")
            raise


def _operator(index: int, data: bytes, table: Table, code: Table) -> Operator:
    number = max(code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0))
    custom = number == CUSTOM
    name = code.get("custom_code", "") if custom else _builtin_name(number)
    if not name:
        raise FormatError("it is a custom operator without a name")
    options = table.get("builtin_options", table.get("builtin_options2"))
    return Operator(
        index,
        name,
        custom,
        code.get("version", 1),
        _indices(table, "inputs"),
        _indices(table, "outputs"),
        None if options is None else _options(data, options),
        _custom_options(data, table),
    )


@cache
def _builtin_names() -> dict[int, str]:
    names = vars(tflite.BuiltinOperator).items()
    return {number: name for name, number in names if isinstance(number, int)}


def _builtin_name(number: int) -> str:
    if number < 0:
        raise FormatError(f"its code is {number}")
    return _builtin_names().get(number, f"BUILTIN_{number}")


def _options(data: bytes, table: Table) -> Any:
    kind = getattr(tflite, table.type, None)
    if kind is None:
        return None
    options = kind()
    options.Init(data, table.at)
    return options


def _custom_options(data: bytes, table: Table) -> bytes:
    size = table.get("large_custom_options_size", 0)
    if size:
        offset = table.get("large_custom_options_offset", 0)
        return outside(data, offset, size).tobytes()
    return bytes(table.get("custom_options", b""))
