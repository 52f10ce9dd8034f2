"""GATHER, ARG_MAX and ARG_MIN, against the reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, ModelBuilder, Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes, weights
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError

IMAGE = (1, 4, 6, 3)


def gather_model(
    x: Tensor | Array, indices: Tensor | Array, axis: int, batch_dims: int = 0
) -> bytes:
    options = schema.GatherOptionsT(axis=axis, batchDims=batch_dims)
    return one_operator_model("GATHER", [x, indices], options=options)


@pytest.mark.parametrize(
    ("shape", "axis", "indices"),
    [
        (IMAGE, 1, [3, 0, 0, 2, 1]),
        (IMAGE, 2, [5]),
        (IMAGE, 3, [2, 1, 0]),
        (IMAGE, -1, [1, 1]),
        ((1, 4, 3), 1, [3, 1]),
        ((1, 7), 1, [6, 0, 6]),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_constant_indices(
    shape: tuple[int, ...], axis: int, indices: list[int], dtype: type
) -> None:
    assert_same(gather_model(Tensor(shape), np.array(indices, dtype), axis))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_one_index_drops_its_axis(axis: int) -> None:
    assert_same(gather_model(Tensor(IMAGE), np.int32(2), axis))


def test_gathering_samples_is_not_supported() -> None:
    model = gather_model(Tensor((1, 4)), np.int32([0, 0]), 0)
    with pytest.raises(UnsupportedOpError, match=r"operator 0 .*batch axis"):
        convert_bytes(model)


def test_computed_indices_into_a_computed_table_are_not_supported() -> None:
    model = gather_model(Tensor((1, 4)), Tensor((1, 2), "int32"), 1)
    with pytest.raises(UnsupportedOpError, match="GATHER"):
        convert_bytes(model)


def test_an_index_out_of_range_is_a_damaged_file() -> None:
    options = schema.GatherOptionsT(axis=1)
    operands = [Tensor((1, 4)), np.int32([4])]
    model = one_operator_model("GATHER", operands, [Tensor((1, 1))], options)
    with pytest.raises(InvalidModelError, match="operator 0 "):
        convert_bytes(model)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("axis", [1, 2, 3, -1])
@pytest.mark.parametrize("name", ["ARG_MAX", "ARG_MIN"])
def test_arg_max_and_arg_min(name: str, axis: int, dtype: str) -> None:
    kind = getattr(schema, f"{'ArgMax' if name == 'ARG_MAX' else 'ArgMin'}OptionsT")
    options = kind(outputType=getattr(schema.TensorType, dtype.upper()))
    operands = [Tensor(IMAGE), np.int32(axis)]
    assert_same(one_operator_model(name, operands, [dtype], options))


def test_of_equal_elements_the_first_counts() -> None:
    def steps(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return generator.integers(0, 3, shape).astype(np.float32)

    options = schema.ArgMaxOptionsT(outputType=schema.TensorType.INT32)
    operands = [Tensor((1, 9, 8)), np.int32(2)]
    model = one_operator_model("ARG_MAX", operands, ["int32"], options)
    assert_same(model, sample=steps)


def test_rows_of_a_constant_table() -> None:
    """Indices of a word list: the table is constant, the indices are computed."""
    builder = ModelBuilder()
    options = schema.ArgMaxOptionsT(outputType=schema.TensorType.INT32)
    [places] = builder.operator("ARG_MAX", [Tensor((1, 4, 6)), np.int32(2)], ["int32"], options)
    results = builder.operator(
        "GATHER", [weights(6, 5), places], options=schema.GatherOptionsT(axis=0)
    )
    assert_same(builder.build(results))
