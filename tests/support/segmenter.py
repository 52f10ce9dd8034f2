"""A small segmenter of MediaPipe's kind: pooling remembers places, unpooling goes back to them."""

from __future__ import annotations

import struct

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Operand, Ref, Tensor
from tests.support.operators import weights

HEIGHT, WIDTH, CHANNELS = 16, 24, 8

OPTIONS = struct.pack("<10i", 1, 2, 2, 2, 2, 0, 0, 0, 0, 0)
"""A TfLitePoolParams: SAME, stride 2 x 2, window 2 x 2, no activation."""


def segmenter_model() -> bytes:
    """Return a model of an encoder of two poolings, a decoder, and a head of two logits.

    Shapes are given, for no interpreter that could work them out has MediaPipe's operators.
    """
    builder = ModelBuilder()
    x, places = builder.input((1, HEIGHT, WIDTH, 3)), []
    for level in range(2):
        x = _conv(builder, x, level, CHANNELS, 3 if level == 0 else CHANNELS)
        half = Tensor(_map(level + 1, CHANNELS))
        x, place = builder.operator(
            "MaxPoolingWithArgmax2D", [x], [half, half], custom_options=OPTIONS
        )
        places.append(place)
    x = _conv(builder, x, 2, CHANNELS, CHANNELS)
    for level in (1, 0):
        whole = [Tensor(_map(level, CHANNELS))]
        operands = [x, places[level]]
        [x] = builder.operator("MaxUnpooling2D", operands, whole, custom_options=OPTIONS)
        x = _conv(builder, x, level, CHANNELS if level else 2, CHANNELS)
    return builder.build([x])


def _conv(builder: ModelBuilder, x: Ref, level: int, filters: int, channels: int) -> Ref:
    """Convolve; all but the head have a ReLU."""
    relu = schema.ActivationFunctionType.RELU if filters == CHANNELS else 0
    options = schema.Conv2DOptionsT(strideH=1, strideW=1, fusedActivationFunction=relu)
    scale = np.float32(1 / np.sqrt(9 * channels))
    operands: list[Operand] = [
        x,
        weights(filters, 3, 3, channels) * scale,
        weights(filters) * scale,
    ]
    return builder.operator("CONV_2D", operands, [Tensor(_map(level, filters))], options)[0]


def _map(level: int, channels: int) -> tuple[int, ...]:
    return (1, HEIGHT >> level, WIDTH >> level, channels)
