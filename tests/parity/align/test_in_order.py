"""Sums in the order of TFLite's reference kernels give their numbers, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tests.support.reference import run_reference
from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.align.in_order import InOrder
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples


def in_order(module: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    with torch.inference_mode(), InOrder():
        return module(*inputs)


def assert_same_bits(conversion: Conversion) -> None:
    """Compare a module with TFLite's reference kernels; plain torch must differ from them."""
    module, interface = load_module(conversion), Interface.of(conversion)
    [sample, *_] = make_samples(interface.inputs, 0)
    wanted = run_reference(conversion.file.data, sample.arrays)
    inputs = [torch.from_numpy(x) for x in interface.stack([sample.arrays])]

    def outputs() -> list[np.ndarray]:
        found = module(*inputs)
        return [x.numpy() for x in (found if isinstance(found, tuple) else [found])]

    with torch.inference_mode():
        plain = outputs()
        with InOrder():
            ordered = outputs()
    for port, own, other, answer in zip(interface.outputs, ordered, plain, wanted, strict=True):
        np.testing.assert_array_equal(own, port.to_module(answer))
        assert (other != own).any(), "the order of a sum makes a difference here"


def test_a_convolution_of_many_terms() -> None:
    network = Network()
    convolved = network.conv(network.input((1, 9, 7, 64)), 64, 32)
    assert_same_bits(convert_bytes(network.build([convolved])))


def test_a_dense_layer_of_many_terms() -> None:
    network = Network()
    operands = [network.input((1, 999)), weights(99, 999), weights(99)]
    options = schema.FullyConnectedOptionsT()
    assert_same_bits(
        convert_bytes(network.build(network.operator("FULLY_CONNECTED", operands, options=options)))
    )


@pytest.mark.parametrize("name", ["face_detection_front", "iris_landmark"])
def test_a_whole_official_model(models: Callable[[str], Path], name: str) -> None:
    [conversion] = convert_all(read_sources([models(f"{name}.tflite")]))
    assert_same_bits(conversion)


CONVOLUTIONS = [
    nn.Conv2d(6, 4, 3, padding=1),
    nn.Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(2, 0), bias=False),
    nn.Conv2d(6, 12, 3, groups=6, dilation=2),
    nn.Conv2d(6, 8, 2, groups=2),
    nn.Conv2d(6, 4, 3, padding="same"),
    nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1),
    nn.ConvTranspose2d(6, 4, (2, 3), dilation=(1, 2), bias=False),
    nn.ConvTranspose2d(6, 4, 2, groups=2),
    nn.Linear(7, 5),
    nn.Linear(7, 5, bias=False),
]


@pytest.mark.parametrize("module", CONVOLUTIONS, ids=str)
def test_every_kind_of_layer_gives_what_it_gave(module: nn.Module) -> None:
    x = torch.randn(2, 6, 8, 7, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(in_order(module, x), module(x), rtol=1e-5, atol=1e-5)


def test_every_kind_of_product_gives_what_it_gave() -> None:
    generator = torch.Generator().manual_seed(0)
    for shapes in product([(5,), (4, 5), (3, 4, 5), (2, 3, 4, 5)], [(5,), (5, 6), (3, 5, 6)]):
        one, other = (torch.randn(shape, generator=generator) for shape in shapes)
        torch.testing.assert_close(in_order(torch.matmul, one, other), one @ other)
    x, weight = torch.randn(5, generator=generator), torch.randn(3, 5, generator=generator)
    torch.testing.assert_close(in_order(F.linear, x, weight), F.linear(x, weight))


def test_other_types_are_left_alone() -> None:
    x, weight = torch.randn(1, 64, 8, 8).double(), torch.randn(4, 64, 3, 3).double()
    assert torch.equal(in_order(F.conv2d, x, weight), F.conv2d(x, weight))
