"""Models that break one rule each, made from a good one; and some that break none.

Each function changes the object of a small model. Its decorator says what the refusal has
to say, as a pattern; None where the model stays good, however strange it looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor, packed_model

Edit = Callable[[Any], None]

INPUT, FILTERS, BIAS, CONVOLVED, ADDEND, ADDED, SIZES, ROWS = range(8)
"""The tensors of the good model, in the order of their making, as far as they are used."""

CONV, ADD, RESHAPE, LINEAR = range(4)
"""Its operators."""


@dataclass(frozen=True)
class Case:
    """A crafted model, and what is to come of it: a refusal that says this, or none."""

    name: str
    edit: Edit
    refusal: str | None
    sparse: bool = False

    def data(self) -> bytes:
        """Return the file."""
        model = unpacked(sparse_model() if self.sparse else good_model())
        self.edit(model)
        return packed_model(model)


CASES: list[Case] = []


def crafted(refusal: str | None, sparse: bool = False) -> Callable[[Edit], Edit]:
    """Make a case of a function that edits the good model, or the sparse one."""

    def register(edit: Edit) -> Edit:
        CASES.append(Case(edit.__name__, edit, refusal, sparse))
        return edit

    return register


@cache
def good_model() -> bytes:
    """Return a model of four operators: CONV_2D, ADD, RESHAPE and FULLY_CONNECTED."""
    rng = np.random.default_rng(0)

    def constant(*shape: int) -> Any:
        return rng.standard_normal(shape, np.float32)

    builder = ModelBuilder()
    image = builder.input((1, 8, 8, 3))
    options = schema.Conv2DOptionsT(
        padding=schema.Padding.SAME,
        strideH=2,
        strideW=2,
        fusedActivationFunction=schema.ActivationFunctionType.RELU,
    )
    operands = [image, constant(4, 3, 3, 3), constant(4)]
    (convolved,) = builder.operator("CONV_2D", operands, options=options)
    (added,) = builder.operator("ADD", [convolved, constant(4)], options=schema.AddOptionsT())
    (rows,) = builder.operator("RESHAPE", [added, np.int32([1, 64])])
    (answer,) = builder.operator(
        "FULLY_CONNECTED",
        [rows, constant(5, 64), constant(5)],
        options=schema.FullyConnectedOptionsT(),
    )
    return builder.build([answer])


@cache
def sparse_model() -> bytes:
    """Return a model whose filters (2, 1, 1, 4) are stored as 0 0 1 0 and 2 0 0 3."""
    builder = ModelBuilder()
    image = builder.input((1, 4, 4, 4))
    filters = np.zeros((2, 1, 1, 4), np.float32)
    (dense,) = builder.operator("DENSIFY", [filters], [Tensor(filters.shape)])
    (answer,) = builder.operator(
        "CONV_2D",
        [image, dense, np.zeros(2, np.float32)],
        [Tensor((1, 4, 4, 2))],
        schema.Conv2DOptionsT(strideH=1, strideW=1),
    )
    model = unpacked(builder.build([answer]))
    stored = model.subgraphs[0].tensors[1]
    stored.sparsity = schema.SparsityParametersT(
        traversalOrder=[0, 1, 2, 3],
        dimMetadata=[
            dense_level(2),
            dense_level(1),
            dense_level(1),
            sparse_level([0, 1, 3], [2, 0, 3]),
        ],
    )
    model.buffers[stored.buffer].data = np.float32([1, 2, 3]).tobytes()
    return packed_model(model)


def unpacked(data: bytes) -> Any:
    """Return a file as an object that can be changed and packed again."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))


def dense_level(size: int) -> Any:
    """Return a level of a sparse constant that has all its indices."""
    return schema.DimensionMetadataT(format=0, denseSize=size)


def sparse_level(segments: list[int], indices: list[int]) -> Any:
    """Return a level of a sparse constant that has some of its indices."""
    return schema.DimensionMetadataT(
        format=1,
        arraySegmentsType=schema.SparseIndexVector.Int32Vector,
        arraySegments=schema.Int32VectorT(values=segments),
        arrayIndicesType=schema.SparseIndexVector.Int32Vector,
        arrayIndices=schema.Int32VectorT(values=indices),
    )


def tensor(model: Any, index: int) -> Any:
    """Return a tensor of the main subgraph."""
    return model.subgraphs[0].tensors[index]


def operator(model: Any, index: int) -> Any:
    """Return an operator of the main subgraph."""
    return model.subgraphs[0].operators[index]


def sparsity(model: Any) -> Any:
    """Return the levels of the sparse model's constant."""
    return tensor(model, 1).sparsity


def fill(model: Any, index: int, values: Any) -> None:
    """Give a constant other values; its shape stays."""
    model.buffers[tensor(model, index).buffer].data = np.asarray(values).tobytes()


def become(model: Any, index: int, name: str, options: Any = None) -> None:
    """Make another operator of one, with the operands that it has."""
    step = operator(model, index)
    number = getattr(schema.BuiltinOperator, name)
    code = model.operatorCodes[step.opcodeIndex]
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
    kind = "NONE" if options is None else type(options).__name__.removesuffix("T")
    step.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    step.builtinOptions = options
