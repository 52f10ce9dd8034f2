"""DEQUANTIZE and DENSIFY of constants, against the reference kernels."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, ModelBuilder, Tensor, packed_model
from tests.support.operators import assert_same, convert_bytes, weights
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError

DENSE, SPARSE = schema.DimensionType.DENSE, schema.DimensionType.SPARSE_CSR


def added_constant(operator: str, stored: Tensor) -> bytes:
    """A model that adds what an operator makes of a constant, its tensor 0."""
    builder = ModelBuilder()
    assert stored.data is not None
    [constant] = builder.operator(operator, [stored], [Tensor(stored.data.shape)])
    x = Tensor((1, *stored.data.shape))
    operands, options = [x, constant], schema.AddOptionsT()
    return builder.build(builder.operator("ADD", operands, [x], options))


def test_float16_stays_as_it_is_stored() -> None:
    stored = weights(4, 5, 3).astype(np.float16)
    model = added_constant("DEQUANTIZE", Tensor(data=stored, name="halves"))
    (value,) = assert_same(model).state.values()
    assert value.array.dtype == np.float16
    assert value.name == "halves"
    assert value.origin is not None
    assert value.origin.index == 0  # the tensor that the file stores, not what unpacks it


def test_a_float16_tensor_that_is_read_twice_is_the_same_numbers() -> None:
    builder = ModelBuilder()
    [shared] = builder.operator("DEQUANTIZE", [weights(3).astype(np.float16)])
    x = builder.input((1, 4, 5, 3))
    [scaled] = builder.operator("MUL", [x, shared], options=schema.MulOptionsT())
    results = builder.operator("ADD", [scaled, shared], options=schema.AddOptionsT())
    assert_same(builder.build(results), 1)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [None, 0, 2])
def test_quantized_weights_take_their_scales(dtype: str, axis: int | None) -> None:
    shape = (4, 5, 3)
    stored = np.random.default_rng(2).integers(0, 120, shape).astype(dtype)
    count = 1 if axis is None else shape[axis]
    scale = tuple(0.5**i for i in range(1, count + 1))
    zero_point = tuple(range(3, 3 + count)) if axis is None else (0,) * count
    tensor = Tensor(data=stored, scale=scale, zero_point=zero_point, axis=axis or 0)
    assert_same(added_constant("DEQUANTIZE", tensor))


def test_weights_of_an_operator_that_computes_in_floating_point_are_dequantized() -> None:
    """TFLite rounds the input to int8 there, and so has no answer to compare with."""
    stored = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    weight = Tensor(data=stored, scale=(0.5,), zero_point=(0,))
    builder = ModelBuilder()
    results = builder.operator(
        "FULLY_CONNECTED",
        [Tensor((1, 4)), weight, None],
        [Tensor((1, 3))],
        schema.FullyConnectedOptionsT(),
    )
    (value,) = convert_bytes(builder.build(results)).state.values()
    np.testing.assert_array_equal(value.array, stored * np.float32(0.5))


def test_a_computed_operand_is_not_supported() -> None:
    builder = ModelBuilder()
    results = builder.operator(
        "DEQUANTIZE", [Tensor((1, 3), "int8", scale=(0.5,), zero_point=(0,))]
    )
    with pytest.raises(UnsupportedOpError, match=r"DEQUANTIZE.*int8"):
        convert_bytes(builder.build(results))


def encoded(
    ordered: Array, formats: list[int]
) -> tuple[list[float], list[tuple[list[int], list[int]]]]:
    """Return the values of an array, and segments and indices of each of its axes.

    An axis that is sparse lists only the indices that lead to something other than zero.
    """
    entries: list[tuple[int, ...]] = [()]
    levels = []
    for level, kind in enumerate(formats):
        found = [
            [
                index
                for index in range(ordered.shape[level])
                if kind == DENSE or ordered[(*entry, index)].any()
            ]
            for entry in entries
        ]
        segments = [0, *accumulate(len(indices) for indices in found)]
        levels.append((segments, [index for indices in found for index in indices]))
        pairs = zip(entries, found, strict=True)
        entries = [(*entry, i) for entry, indices in pairs for i in indices]
    return [float(ordered[entry]) for entry in entries], levels


def index_vector(numbers: list[int], width: str) -> tuple[int, object]:
    kind = f"{width}Vector"
    vector = getattr(schema, f"{kind}T")(values=numbers)
    return getattr(schema.SparseIndexVector, kind), vector


def sparse_model(
    dense: Array,
    order: list[int],
    blocks: dict[int, int],
    formats: list[int],
    width: str,
) -> bytes:
    """A model that adds a sparse constant: ``blocks`` maps an axis to its block's size."""
    split: list[int] = [n // blocks.get(axis, 1) for axis, n in enumerate(dense.shape)]
    parts = [p for axis, n in enumerate(split) for p in (n, blocks.get(axis, 1))]
    outer = [2 * axis for axis in range(dense.ndim)]
    inner = [2 * axis + 1 for axis in blocks]
    kept = dense.reshape(parts).transpose(
        outer + inner + [2 * a + 1 for a in range(dense.ndim) if a not in blocks]
    )
    ordered = kept.reshape(kept.shape[: len(order)]).transpose(order)
    values, levels = encoded(ordered, formats)
    read = schema.ModelT.InitFromPackedBuf(added_constant("DENSIFY", Tensor(data=dense)))
    tensor = read.subgraphs[0].tensors[0]
    read.buffers[tensor.buffer].data = list(np.float32(values).tobytes())
    metadata = []
    for size, kind, (segments, indices) in zip(ordered.shape, formats, levels, strict=True):
        one = schema.DimensionMetadataT(format=kind, denseSize=size)
        if kind == SPARSE:
            one.arraySegmentsType, one.arraySegments = index_vector(segments, width)
            one.arrayIndicesType, one.arrayIndices = index_vector(indices, width)
        metadata.append(one)
    tensor.sparsity = schema.SparsityParametersT(
        traversalOrder=order, blockMap=list(blocks), dimMetadata=metadata
    )
    return packed_model(read)


@pytest.mark.parametrize("width", ["Int32", "Uint16", "Uint8"])
@pytest.mark.parametrize(
    ("order", "blocks", "formats"),
    [
        ([0, 1], {}, [DENSE, SPARSE]),
        ([1, 0], {}, [DENSE, SPARSE]),
        ([0, 1], {}, [SPARSE, SPARSE]),
        ([0, 1, 2], {1: 4}, [DENSE, SPARSE, DENSE]),
        ([1, 0, 2], {0: 2}, [DENSE, SPARSE, DENSE]),
        ([0, 1, 2, 3], {0: 2, 1: 4}, [DENSE, SPARSE, DENSE, DENSE]),
        ([1, 0, 3, 2], {0: 3, 1: 2}, [SPARSE, SPARSE, DENSE, DENSE]),
    ],
    ids=str,
)
def test_sparse_weights(
    order: list[int], blocks: dict[int, int], formats: list[int], width: str
) -> None:
    dense = weights(6, 8)
    dense[np.random.default_rng(4).random(dense.shape) < 0.7] = 0
    dense[2] = 0  # a row of which nothing is stored
    assert_same(sparse_model(dense, order, blocks, formats, width))


def test_sparse_kernels_of_four_axes() -> None:
    dense = weights(4, 3, 2, 8)
    dense[np.random.default_rng(4).random(dense.shape) < 0.8] = 0
    formats = [DENSE, DENSE, DENSE, SPARSE, DENSE]
    assert_same(sparse_model(dense, [0, 1, 2, 3, 4], {3: 4}, formats, "Uint8"))


def test_an_operand_that_is_not_sparse_is_a_damaged_file() -> None:
    model = added_constant("DENSIFY", Tensor(data=weights(2, 3)))
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)
