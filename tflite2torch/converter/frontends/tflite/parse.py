"""Parses and verifies the bytes of a .tflite file; the result is a ``TfliteModel``."""

from __future__ import annotations

import numpy as np

from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.buffers import (
    Buffers,
    byte_size,
    empty_constant,
    tensor_shape,
    trailing_bytes,
    type_name,
)
from tflite2torch.converter.frontends.tflite.flatbuffer import (
    Decoder,
    FormatError,
    Table,
)
from tflite2torch.converter.frontends.tflite.model import (
    Dimension,
    Operator,
    Quantization,
    Sparsity,
    Tensor,
    TfliteModel,
)
from tflite2torch.converter.frontends.tflite.opcodes import operator_name, read_options
from tflite2torch.converter.frontends.tflite.schema import IDENTIFIER, TFLITE, VERSION
from tflite2torch.converter.frontends.tflite.verify import verify_graph
from tflite2torch.converter.frontends.tflite.verify_sparsity import verify_sparsity
from tflite2torch.converter.frontends.tflite.work_budget import WorkBudget
from tflite2torch.converter.graph.value import Array, Shape

MAX_DENSE = 2**24
MAX_DENSE_RATIO = 2
"""Sparse constants may expand to ``MAX_DENSE`` bytes plus ``MAX_DENSE_RATIO`` times the size
of the file; those of official models expand to 1.9 times the size."""

MAX_OPERATORS = 2**12
"""Maximum number of operators of a subgraph; 5 times that of official models."""

MAX_OPERANDS = 2**17
"""Maximum number of inputs and outputs of all operators; 50 times that of official models."""

_NOTHING = np.empty(0, np.int32)
_NO_TABLE = Table(0, "")


def read_model(file: ModelFile) -> TfliteModel:
    """Return the verified content of a model file.

    Raises:
        InvalidModelError: the file is malformed or inconsistent.
        UnsupportedOpError: it has variables, external buffers, or sparse constants that an
            operator other than DENSIFY reads.
    """
    try:
        root = Decoder(file.data, TFLITE).root(IDENTIFIER, "Model")
        if root.get("version") != VERSION:
            raise FormatError(f"its version is {root.get('version')}, not {VERSION}")
        if not root.get("subgraphs"):
            raise FormatError("it has no subgraph")
        _check_tensors(file, root["subgraphs"][0])
        model = _Parser(file, root).main_model()
    except FormatError as error:
        raise InvalidModelError(
            f"{file.label}: {error}; the file is damaged, fetch it again"
        ) from error
    _check_sparse(model)
    return model


def _check_tensors(file: ModelFile, subgraph: Table) -> None:
    """Raise UnsupportedOpError for variables and tensors with external buffers."""
    problems = []
    for index, table in enumerate(subgraph.get("tensors", [])):
        place = f"{file.label}: tensor {index} ({table.get('name', '')[:80]!a})"
        if table.get("is_variable"):
            problems.append(f"{place}: it keeps its value from one run to the next")
        if table.get("external_buffer"):
            problems.append(f"{place}: its values are in another file")
    if problems:
        raise UnsupportedOpError(problems)


def _check_sparse(model: TfliteModel) -> None:
    """Raise UnsupportedOpError if anything but DENSIFY reads a sparse constant."""
    sparse = {tensor.index for tensor in model.tensors if tensor.sparsity}
    problems = [
        f"{model.label}: {operator.place}: it reads sparse constants without DENSIFY"
        for operator in model.operators
        if operator.name != "DENSIFY" and sparse.intersection(operator.inputs)
    ]
    if sparse.intersection(model.outputs):
        problems.append(f"{model.label}: an output is a sparse constant")
    if problems:
        raise UnsupportedOpError(problems)


class _Parser:
    """Builds a ``TfliteModel`` from decoded tables; its methods raise FormatError."""

    def __init__(self, file: ModelFile, root: Table) -> None:
        self._file = file
        self._root = root
        self._budget = WorkBudget(len(file.data))
        self._buffers = Buffers(file.data, root.get("buffers", []), self._budget)

    def main_model(self) -> TfliteModel:
        """Return the first subgraph, which is the main one, having verified all of them."""
        metadata = self._metadata()
        models = []
        for index, subgraph in enumerate(self._root["subgraphs"]):
            try:
                models.append(self._subgraph(subgraph, metadata))
            except FormatError as error:
                error.path += [f"subgraph {index}"] if index else []
                raise
        return models[0]

    def _subgraph(self, subgraph: Table, metadata: dict[str, bytes]) -> TfliteModel:
        operators = self._operators(subgraph)
        inputs = self._indices(subgraph, "inputs")
        computed = {index for operator in operators for index in operator.outputs}
        model = TfliteModel(
            self._file.label,
            self._file.sha256,
            self._root.get("description", ""),
            self._tensors(subgraph, computed.union(inputs)),
            operators,
            inputs,
            self._indices(subgraph, "outputs"),
            metadata,
        )
        verify_graph(model, self._budget)
        return model

    def _indices(self, table: Table, field: str) -> tuple[int, ...]:
        """Return a field that is a list of integers."""
        array: Array = table.get(field, _NOTHING)
        # The decoder hands out the same array for every reference to a vector. Copying it for
        # each of thousands of operators has to be paid for, here and in the methods below.
        self._budget.spend(len(array))
        return tuple(array.tolist())

    def _bytes(self, array: Array) -> bytes:
        self._budget.spend(len(array))
        return array.tobytes()

    def _metadata(self) -> dict[str, bytes]:
        metadata: dict[str, bytes] = {}
        for entry in self._root.get("metadata", []):
            name = entry.get("name", "")
            try:
                if name in metadata:
                    raise FormatError("there is another one of this name")
                metadata[name] = self._bytes(self._buffers[entry.get("buffer", 0)])
            except FormatError as error:
                error.path.append(f"metadata {name[:80]!a}")
                raise
        return metadata

    def _tensors(self, subgraph: Table, computed: set[int]) -> list[Tensor]:
        tensors: list[Tensor] = []
        for index, table in enumerate(subgraph.get("tensors", [])):
            try:
                tensors.append(self._tensor(index, table, index in computed))
            except FormatError as error:
                error.path.append(f"tensor {index} ({table.get('name', '')[:80]!a})")
                raise
        # Bounded before DENSIFY allocates anything: a few bytes may state a huge shape.
        dense = sum(byte_size(t.shape, t.dtype) for t in tensors if t.sparsity)
        if dense > MAX_DENSE + MAX_DENSE_RATIO * len(self._file.data):
            raise FormatError(f"its sparse constants unpack to {dense} bytes")
        return tensors

    def _tensor(self, index: int, table: Table, computed: bool) -> Tensor:
        dtype = type_name(table.get("type", 0))
        shape = tensor_shape(table.get("shape", _NOTHING), dtype)
        buffer = table.get("buffer", 0)
        # The buffer of a sparse constant is checked against the sparsity, not the shape.
        if "sparsity" in table:
            sparsity = self._sparsity(table["sparsity"])
            stored = self._buffers.values(buffer, dtype)
            verify_sparsity(sparsity, shape, len(stored))
            data: Array | None = stored
        else:
            sparsity, data = None, self._buffers.constant(buffer, shape, dtype)
            # A constant without elements has an empty buffer, like a computed tensor. Only
            # that no operator writes to it tells them apart.
            if data is None and 0 in shape and not computed:
                data = empty_constant(shape, dtype)
        quantization = self._quantization(table.get("quantization", _NO_TABLE), shape)
        name = table.get("name", "")
        signature = table.get("shape_signature", _NOTHING)
        free = frozenset(np.flatnonzero(signature == -1).tolist())
        free = free if len(signature) == len(shape) else frozenset()
        return Tensor(index, name, shape, dtype, data, quantization, sparsity, free)

    def _quantization(self, table: Table, shape: Shape) -> Quantization | None:
        scale: Array = table.get("scale", _NOTHING)
        zero_point: Array = table.get("zero_point", _NOTHING)
        axis, count = table.get("quantized_dimension", 0), len(scale)
        if not count:
            return None
        if len(zero_point) != count:
            raise FormatError(f"{count} scales and {len(zero_point)} zero points")
        if count > 1 and (not 0 <= axis < len(shape) or count != shape[axis]):
            raise FormatError(f"{count} scales do not fit axis {axis} of {list(shape)}")
        self._budget.spend(count)
        if not np.isfinite(scale).all():
            raise FormatError("a scale is not a finite number")
        return Quantization(scale, zero_point, axis)

    def _sparsity(self, table: Table) -> Sparsity:
        return Sparsity(
            self._indices(table, "traversal_order"),
            self._indices(table, "block_map"),
            tuple(self._dimension(entry) for entry in table.get("dim_metadata", [])),
        )

    def _dimension(self, table: Table) -> Dimension:
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
            self._budget.spend(len(stored[-1]))
        return Dimension(0, *stored)

    def _operators(self, subgraph: Table) -> list[Operator]:
        operators: list[Operator] = []
        operands, tables = 0, subgraph.get("operators", [])
        if len(tables) > MAX_OPERATORS:
            raise FormatError(f"it has {len(tables)} operators, over {MAX_OPERATORS}")
        for index, table in enumerate(tables):
            try:
                operators.append(self._operator(index, table))
            except FormatError as error:
                error.path.append(f"operator {index}")
                raise
            # Graph traversals are linear in this number, which the file's size does not bound:
            # operators may share their lists of operands.
            operands += len(operators[-1].inputs) + len(operators[-1].outputs)
            if operands > MAX_OPERANDS:
                raise FormatError(f"its operators have more than {MAX_OPERANDS} operands")
        return operators

    def _operator(self, index: int, table: Table) -> Operator:
        codes, code = self._root.get("operator_codes", []), table.get("opcode_index", 0)
        if code >= len(codes):
            raise FormatError(f"its code {code} of {len(codes)} does not exist")
        name, custom = operator_name(codes[code])
        options = table.get("builtin_options", table.get("builtin_options2"))
        return Operator(
            index,
            name,
            custom,
            codes[code].get("version", 1),
            self._indices(table, "inputs"),
            self._indices(table, "outputs"),
            None if options is None else read_options(self._file.data, options),
            self._custom_options(table),
        )

    def _custom_options(self, table: Table) -> bytes:
        size = table.get("large_custom_options_size", 0)
        if not size:
            return self._bytes(table.get("custom_options", _NOTHING))
        offset = table.get("large_custom_options_offset", 0)
        return self._bytes(trailing_bytes(self._file.data, offset, size))
