"""Edited copies of image models that take another size: what TFLite itself gives there."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite2torch.parity.reference.editing import packed_model

OPERATORS = schema.BuiltinOperator


def resized_model(data: bytes, height: int, width: int) -> bytes:
    """Return a copy of a model with one input, an image, for images of another size.

    The interpreter works all shapes out anew from that of the input. The file states some of
    them as constants, though: of reshapes whose axis 1 has all pixels, of resized images, and
    windows of pools over the whole image. These grow in proportion.
    """
    model = schema.ModelT.InitFromPackedBuf(data)
    (graph,) = model.subgraphs
    image = graph.tensors[graph.inputs[0]]
    scale = Fraction(height, int(image.shape[1])), Fraction(width, int(image.shape[2]))
    image.shape = [1, height, width, int(image.shape[3])]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        first, result = (
            [int(size) for size in graph.tensors[tensors[0]].shape]
            for tensors in (operator.inputs, operator.outputs)
        )
        if kind == OPERATORS.RESHAPE:
            rows = int(result[1] * scale[0] * scale[1])
            shape = [result[0], rows, *result[2:]]
            operator.inputs = [operator.inputs[0], _constant(model, shape)]
            operator.builtinOptions = schema.ReshapeOptionsT(newShape=shape)
        elif kind == OPERATORS.RESIZE_BILINEAR:
            size = [int(n * s) for n, s in zip(result[1:3], scale, strict=True)]
            operator.inputs = [operator.inputs[0], _constant(model, size)]
        elif kind == OPERATORS.AVERAGE_POOL_2D and result[1:3] == [1, 1]:
            options = operator.builtinOptions
            options.filterHeight, options.filterWidth = (
                int(n * s) for n, s in zip(first[1:3], scale, strict=True)
            )
        elif code.customCode == b"Convolution2DTransposeBias":
            # MediaPipe's own operator: a kernel of 2 x 2 at stride 2, with a bias.
            whole = [1, height, width, result[3]]
            operator.inputs = [_constant(model, whole), operator.inputs[1], *operator.inputs[::2]]
            operator.opcodeIndex = len(model.operatorCodes)
            operator.customOptions = None
            operator.builtinOptionsType = schema.BuiltinOptions.TransposeConvOptions
            operator.builtinOptions = schema.TransposeConvOptionsT(strideH=2, strideW=2)
            number = OPERATORS.TRANSPOSE_CONV
            model.operatorCodes.append(
                schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=number, version=3)
            )
    return packed_model(model)


def _constant(model: Any, numbers: list[int]) -> int:
    """Add a tensor of integers; return its index."""
    model.buffers.append(schema.BufferT(data=np.array(numbers, np.int32).tobytes()))
    tensors = model.subgraphs[0].tensors
    tensors.append(
        schema.TensorT(
            shape=[len(numbers)],
            type=schema.TensorType.INT32,
            buffer=len(model.buffers) - 1,
            name="size",
            hasRank=True,
        )
    )
    return len(tensors) - 1
