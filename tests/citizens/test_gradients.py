"""Every operator with weights differentiates as mathematics does, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch.func import functional_call

from tests.support.models import Operand, Tensor, one_operator_model
from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tflite2torch.converter.loading import load_module

SAME = schema.Padding.SAME
N = 2


def conv(stride: int = 1, dilation: int = 1) -> bytes:
    options = schema.Conv2DOptionsT(
        padding=SAME,
        strideH=stride,
        strideW=stride,
        dilationHFactor=dilation,
        dilationWFactor=dilation,
    )
    operands: list[Operand] = [Tensor((1, 4, 5, 2)), weights(3, 3, 3, 2), weights(3)]
    return one_operator_model("CONV_2D", operands, options=options)


def depthwise() -> bytes:
    options = schema.DepthwiseConv2DOptionsT(padding=SAME, strideH=2, strideW=2, depthMultiplier=2)
    operands: list[Operand] = [Tensor((1, 4, 5, 2)), weights(1, 3, 3, 4), weights(4)]
    return one_operator_model("DEPTHWISE_CONV_2D", operands, options=options)


def transposed() -> bytes:
    options = schema.TransposeConvOptionsT(padding=SAME, strideH=2, strideW=2)
    operands: list[Operand] = [
        np.array([1, 5, 6, 3], np.int32),
        weights(3, 3, 3, 2),
        Tensor((1, 3, 3, 2)),
        weights(3),
    ]
    return one_operator_model("TRANSPOSE_CONV", operands, options=options, version=3)


def linear() -> bytes:
    options = schema.FullyConnectedOptionsT(keepNumDims=True)
    operands: list[Operand] = [Tensor((1, 5, 4)), weights(3, 4), weights(3)]
    return one_operator_model("FULLY_CONNECTED", operands, options=options)


def prelu() -> bytes:
    return one_operator_model("PRELU", [Tensor((1, 4, 5, 3)), weights(1, 1, 3)])


def layer_norm() -> bytes:
    network = Network()
    x = network.input((1, 5, 4))
    mean = network.mean(x, -1)
    variance = network.mean(network.function("SQUARED_DIFFERENCE", x, mean), -1)
    root = network.function("RSQRT", network.add(variance, np.array(1e-3, np.float32)))
    factor = network.mul(root, weights(4))
    shift = network.sub(weights(4, seed=3), network.mul(mean, factor))
    return network.build([network.add(network.mul(x, factor), shift)])


def scale() -> bytes:
    network = Network()
    return network.build([network.mul(network.input((1, 4, 5, 3)), weights(3))])


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (conv(), "nn.Conv2d"),
        (conv(stride=2), "stride=2"),
        (conv(dilation=2), "dilation=2"),
        (depthwise(), "groups=2"),
        (transposed(), "nn.ConvTranspose2d"),
        (linear(), "nn.Linear"),
        (prelu(), "nn.PReLU"),
        (layer_norm(), "nn.LayerNorm"),
        (scale(), "nn.Parameter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_gradients(model: bytes, layer: str) -> None:
    conversion = convert_bytes(model)
    assert layer in conversion.source
    module = load_module(conversion).double()
    names, parameters = zip(*module.named_parameters(), strict=True)
    [entry] = conversion.inputs
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, *entry["shape"][1:], generator=generator, dtype=torch.float64)

    def outputs(x: torch.Tensor, *parameters: torch.Tensor) -> Any:
        return functional_call(module, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(outputs, (x.requires_grad_(), *parameters))
