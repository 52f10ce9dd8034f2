"""A small network with one of each thing that ports get wrong, and its conversion."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from converter.convert import Conversion, convert_model
from converter.reader.sources import ModelFile
from tests.support.models import ModelBuilder
from tests.support.operators import weights

HEIGHT, WIDTH, CHANNELS = 16, 12, 8
"""Half of the height is the number of channels: a slope fits both axes."""


def layered_model() -> bytes:
    """Return a model of a strided convolution, PReLU, a shortcut, a resize and a head."""
    builder = ModelBuilder()
    image = builder.input((1, HEIGHT, WIDTH, 3))
    relu = schema.ActivationFunctionType.RELU
    [stem] = builder.operator(
        "CONV_2D",
        [image, weights(CHANNELS, 3, 3, 3), weights(CHANNELS)],
        options=schema.Conv2DOptionsT(
            strideH=2, strideW=2, fusedActivationFunction=relu
        ),
    )
    plain = schema.Conv2DOptionsT(strideH=1, strideW=1)
    [mixed] = builder.operator(
        "CONV_2D",
        [stem, weights(CHANNELS, 1, 1, CHANNELS), weights(CHANNELS)],
        options=plain,
    )
    [bent] = builder.operator("PRELU", [mixed, weights(1, 1, CHANNELS)])
    [total] = builder.operator("ADD", [bent, stem], options=schema.AddOptionsT())
    [large] = builder.operator(
        "RESIZE_BILINEAR",
        [total, np.array([HEIGHT, WIDTH], np.int32)],
        options=schema.ResizeBilinearOptionsT(halfPixelCenters=True),
    )
    [head] = builder.operator(
        "CONV_2D", [large, weights(4, 3, 3, CHANNELS), weights(4)], options=plain
    )
    [score] = builder.operator("LOGISTIC", [head])
    return builder.build([score])


def layered_conversion() -> Conversion:
    """Convert it."""
    return convert_model(ModelFile("layered", "layered.tflite", layered_model()))
