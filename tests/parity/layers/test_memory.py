"""No more is held than the activations of the largest batch, and one more copy of a sample's."""

from __future__ import annotations

import math
import tracemalloc

from tests.support.networks import Network
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.compare import compare_model

DEPTH, SIZE, CHANNELS = 24, 64, 4


def test_what_is_held_at_most() -> None:
    network = Network()
    x = network.input((1, SIZE, SIZE, 3))
    x = network.conv(x, 3, CHANNELS)
    for _ in range(DEPTH):
        x = network.function("TANH", network.conv(x, CHANNELS, CHANNELS))
    conversion = convert_model(ModelFile("deep", "deep", network.build([x])))
    module = load_module(conversion)
    ports = Interface.of(conversion).inputs
    samples = make_samples(ports, 0)[:3]
    compare_model(conversion, module, samples[:1])  # imports what it needs
    tracemalloc.start()
    report = compare_model(conversion, module, samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.passed, report.verdict
    layers = [layer for layer in report.layers if layer.identity.kind != "output"]
    one = 4 * sum(math.prod(layer.identity.shape) for layer in layers)
    assert one > 3e6
    # The samples of a batch, the one that TFLite computes meanwhile, and a layer's own.
    assert one < peak < (report.batch + 2) * one
