"""The output shapes of operators, by their contracts and by TFLite.

TFLite works out the outputs' shapes of each model; the reader has to accept them, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.hostile.crafted import unpacked
from tests.support.models import Operand, Tensor, one_operator_model, packed_model
from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.operators.registry import OPERATORS
from tflite2torch.converter.frontends.tflite.parse import read_model

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
IMAGE = Tensor((1, 7, 8, 6))
VECTOR = Tensor((1, 6))


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def ints(*values: Any) -> np.ndarray:
    return np.int32(values)


@dataclass(frozen=True)
class Case:
    """An operator with operands that fit."""

    name: str
    operands: Sequence[Operand]
    options: Any = None
    outputs: Sequence[str | Tensor] = ("float32",)
    version: int = 1


def conv(padding: int, stride: int = 1, dilation: int = 1) -> Any:
    return schema.Conv2DOptionsT(
        padding=padding,
        strideH=stride,
        strideW=1,
        dilationHFactor=dilation,
        dilationWFactor=1,
    )


def depthwise(padding: int, stride: int = 1, multiplier: int = 1) -> Any:
    return schema.DepthwiseConv2DOptionsT(
        padding=padding, strideH=stride, strideW=stride, depthMultiplier=multiplier
    )


def pool(padding: int, size: int, stride: int) -> Any:
    return schema.Pool2DOptionsT(
        padding=padding, filterHeight=size, filterWidth=2, strideH=stride, strideW=1
    )


def strided(begin: int = 0, end: int = 0, shrink: int = 0, ellipsis: int = 0) -> Any:
    return schema.StridedSliceOptionsT(
        beginMask=begin, endMask=end, shrinkAxisMask=shrink, ellipsisMask=ellipsis
    )


def reducing(keep: bool) -> Any:
    return schema.ReducerOptionsT(keepDims=keep)


def transposed(padding: int, stride: int) -> Any:
    return schema.TransposeConvOptionsT(padding=padding, strideH=stride, strideW=stride)


UNARY = (
    "ABS COS EXP FLOOR HARD_SWISH LOG LOGISTIC LOG_SOFTMAX NEG RELU RELU6 RELU_N1_TO_1 "
    "RSQRT SIGN SIN SQRT SQUARE TANH"
).split()
WITHOUT_REFERENCE = ("CEIL", "ELU", "ROUND")
"""The reference kernels lack them: the shape stands here instead."""

BINARY = "FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM POW SQUARED_DIFFERENCE".split()
COMPARING = "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL".split()
ARITHMETIC = {
    "ADD": schema.AddOptionsT(),
    "DIV": schema.DivOptionsT(),
    "MUL": schema.MulOptionsT(),
    "SUB": schema.SubOptionsT(),
}
CASES = [
    *(Case(name, [IMAGE]) for name in UNARY),
    *(Case(name, [IMAGE], None, [IMAGE]) for name in WITHOUT_REFERENCE),
    *(Case(name, [IMAGE, zeros(6)]) for name in BINARY),
    *(Case(name, [IMAGE, zeros(8, 1)], options) for name, options in ARITHMETIC.items()),
    *(Case(name, [IMAGE, zeros(6)], None, ["bool"]) for name in COMPARING),
    Case("LOGICAL_NOT", [Tensor((1, 6), "bool")], None, ["bool"]),
    Case("LOGICAL_AND", [Tensor((1, 6), "bool")] * 2, None, ["bool"]),
    Case("LOGICAL_OR", [Tensor((1, 6), "bool")] * 2, None, ["bool"]),
    Case("CAST", [IMAGE], schema.CastOptionsT(outDataType=2), ["int32"]),
    Case("DEQUANTIZE", [zeros(2, 3).astype(np.float16)]),
    Case("GELU", [IMAGE], schema.GeluOptionsT()),
    Case("L2_NORMALIZATION", [IMAGE], schema.L2NormOptionsT()),
    Case("LEAKY_RELU", [IMAGE], schema.LeakyReluOptionsT(alpha=0.5)),
    Case("PRELU", [IMAGE, zeros(1, 1, 6)]),
    Case("SOFTMAX", [VECTOR], schema.SoftmaxOptionsT(beta=1)),
    Case("CONV_2D", [IMAGE, zeros(4, 3, 2, 6), zeros(4)], conv(SAME, 2)),
    Case("CONV_2D", [IMAGE, zeros(4, 3, 2, 6), zeros(4)], conv(VALID, 2)),
    Case("CONV_2D", [IMAGE, zeros(4, 3, 2, 6), zeros(4)], conv(VALID, 1, 3)),
    Case("CONV_2D", [IMAGE, zeros(4, 3, 2, 3), zeros(4)], conv(SAME)),
    Case("DEPTHWISE_CONV_2D", [IMAGE, zeros(1, 3, 3, 6), zeros(6)], depthwise(SAME, 2)),
    Case(
        "DEPTHWISE_CONV_2D",
        [IMAGE, zeros(1, 3, 3, 12), zeros(12)],
        depthwise(VALID, 3, 2),
    ),
    Case(
        "TRANSPOSE_CONV",
        [ints(1, 14, 16, 4), zeros(4, 2, 2, 6), IMAGE],
        transposed(SAME, 2),
    ),
    Case("AVERAGE_POOL_2D", [IMAGE], pool(SAME, 3, 2)),
    Case("MAX_POOL_2D", [IMAGE], pool(VALID, 3, 2)),
    Case(
        "FULLY_CONNECTED",
        [VECTOR, zeros(4, 6), zeros(4)],
        schema.FullyConnectedOptionsT(),
    ),
    Case("FULLY_CONNECTED", [IMAGE, zeros(4, 6), None], schema.FullyConnectedOptionsT()),
    Case(
        "FULLY_CONNECTED",
        [IMAGE, zeros(4, 6), zeros(4)],
        schema.FullyConnectedOptionsT(keepNumDims=True),
    ),
    Case(
        "BATCH_MATMUL",
        [Tensor((2, 3, 4)), Tensor((4, 5))],
        schema.BatchMatMulOptionsT(),
    ),
    Case(
        "BATCH_MATMUL",
        [Tensor((1, 4, 3)), Tensor((2, 5, 4))],
        schema.BatchMatMulOptionsT(adjX=True, adjY=True),
    ),
    Case("RESIZE_BILINEAR", [IMAGE, ints(3, 20)], schema.ResizeBilinearOptionsT()),
    Case(
        "RESIZE_NEAREST_NEIGHBOR",
        [IMAGE, ints(3, 20)],
        schema.ResizeNearestNeighborOptionsT(),
    ),
    Case(
        "DEPTH_TO_SPACE",
        [Tensor((1, 2, 3, 8))],
        schema.DepthToSpaceOptionsT(blockSize=2),
    ),
    Case(
        "SPACE_TO_DEPTH",
        [Tensor((1, 4, 6, 2))],
        schema.SpaceToDepthOptionsT(blockSize=2),
    ),
    Case("CONCATENATION", [IMAGE, IMAGE], schema.ConcatenationOptionsT(axis=-1)),
    Case("PACK", [IMAGE, IMAGE, IMAGE], schema.PackOptionsT(valuesCount=3, axis=-2)),
    Case(
        "UNPACK",
        [Tensor((1, 2, 4))],
        schema.UnpackOptionsT(num=2, axis=-2),
        ["float32", "float32"],
    ),
    Case("SPLIT", [ints(3), IMAGE], schema.SplitOptionsT(numSplits=3), ["float32"] * 3),
    Case(
        "SPLIT_V",
        [IMAGE, ints(1, -1, 3), ints(-1)],
        schema.SplitVOptionsT(numSplits=3),
        ["float32"] * 3,
    ),
    Case("RESHAPE", [IMAGE, ints(1, -1, 6)]),
    Case("RESHAPE", [IMAGE], schema.ReshapeOptionsT(newShape=[1, 56, 6])),
    Case("RESHAPE", [Tensor((1, 1)), np.empty(0, np.int32)]),
    Case("SQUEEZE", [Tensor((1, 3, 1, 1))], schema.SqueezeOptionsT(squeezeDims=[])),
    Case("SQUEEZE", [Tensor((1, 3, 1, 1))], schema.SqueezeOptionsT(squeezeDims=[-2])),
    Case("EXPAND_DIMS", [VECTOR, ints(-1)]),
    Case("TRANSPOSE", [IMAGE, ints(0, 3, 1, 2)]),
    Case("REVERSE_V2", [IMAGE, ints(1)]),
    Case("BROADCAST_TO", [VECTOR, ints(2, 3, 6)], version=2),
    Case("TILE", [IMAGE, ints(1, 2, 1, 3)]),
    Case("PAD", [IMAGE, ints([0, 0], [1, 2], [0, 3], [0, 0])]),
    Case("PADV2", [IMAGE, ints([0, 0], [1, 2], [0, 3], [0, 0]), zeros(1)]),
    Case(
        "MIRROR_PAD",
        [IMAGE, ints([0, 0], [6, 0], [0, 7], [0, 0])],
        schema.MirrorPadOptionsT(mode=schema.MirrorPadMode.REFLECT),
    ),
    Case(
        "MIRROR_PAD",
        [IMAGE, ints([0, 0], [7, 0], [0, 8], [0, 0])],
        schema.MirrorPadOptionsT(mode=schema.MirrorPadMode.SYMMETRIC),
    ),
    Case("MEAN", [IMAGE, ints(1, -2)], reducing(False)),
    Case("MEAN", [IMAGE, ints(2, 1)], reducing(True)),
    Case("SUM", [IMAGE, ints(3)], reducing(True)),
    Case("REDUCE_MAX", [IMAGE, ints(3)], reducing(False)),
    Case("REDUCE_MIN", [IMAGE, ints(3)], reducing(False)),
    Case("REDUCE_PROD", [IMAGE, ints(3)], reducing(False)),
    Case("ARG_MAX", [IMAGE, ints(-1)], schema.ArgMaxOptionsT(outputType=2), ["int32"]),
    Case("ARG_MIN", [IMAGE, ints(1)], schema.ArgMinOptionsT(outputType=2), ["int32"]),
    Case("GATHER", [IMAGE, ints(7, 0, 3)], schema.GatherOptionsT(axis=2)),
    Case("GATHER", [IMAGE, np.int32(5)], schema.GatherOptionsT(axis=-1)),
    Case(
        "GATHER",
        [Tensor((2, 5, 3)), ints([4, 0], [1, 2])],
        schema.GatherOptionsT(axis=1, batchDims=1),
    ),
    Case("SELECT", [Tensor((1, 6), "bool"), VECTOR, VECTOR]),
    Case("SELECT_V2", [Tensor((1,), "bool"), VECTOR, zeros(3, 1)]),
    Case("SLICE", [IMAGE, ints(0, 2, 3, 0), ints(1, 4, -1, 6)]),
    Case("STRIDED_SLICE", [IMAGE, ints(0, 1), ints(1, 6), ints(1, 2)], strided()),
    Case("STRIDED_SLICE", [IMAGE, ints(0, -3), ints(1, 99), ints(1, 1)], strided(begin=1)),
    Case(
        "STRIDED_SLICE",
        [IMAGE, ints(0, 5, 9), ints(1, 0, 2), ints(1, -1, -3)],
        strided(begin=1, end=3),
    ),
    Case("STRIDED_SLICE", [IMAGE, ints(0, -1), ints(1, 0), ints(1, 1)], strided(shrink=2)),
]


def _read(data: bytes) -> None:
    read_model(ModelFile("one", "one.tflite", data))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_tflite_has_it(case: Case) -> None:
    data = one_operator_model(
        case.name, case.operands, case.outputs, case.options, version=case.version
    )
    _read(data)
    model = unpacked(data)
    graph = model.subgraphs[0]
    for index in graph.outputs:
        stated = [int(size) for size in graph.tensors[index].shape]
        graph.tensors[index].shape = [*stated, 2]
        with pytest.raises(InvalidModelError, match=r"it gives|it cannot make"):
            _read(packed_model(model))
        graph.tensors[index].shape = stated


def test_every_contract_has_a_case() -> None:
    sparse = {"DENSIFY"}  # in test_model
    missing = set(OPERATORS) - {case.name for case in CASES} - sparse
    assert not missing, (
        f"add a case to CASES in tests/converter/frontends/tflite/{Path(__file__).name} "
        f"for {', '.join(sorted(missing))}"
    )
