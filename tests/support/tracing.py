"""Compares every operation of an emitted module with the TFLite tensor that it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx

from tests.support.operators import ULP, normal
from tests.support.reference import all_tensors
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.align.trace import trace_conversion
from tflite2torch.parity.align.values import expected as told


class Recorder(fx.Interpreter):
    """Runs a traced graph and keeps what each of its nodes gives."""

    def __init__(self, module: torch.nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.results: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.results[n] = super().run_node(n)
        return self.results[n]


def assert_layers_same(conversion: Conversion, model: bytes, ulps: float) -> int:
    """Assert that a module's operations are those that the conversion tells, and give what
    TFLite's tensors of the same sample hold; return how many were compared.

    Args:
        conversion: of a model with one input, an image.
        model: the file that was converted.
        ulps: how many float32 ulps, of the tensor's largest magnitude and at least of 1, the
            two may differ by.
    """
    module = load_module(conversion)
    trace = trace_conversion(module, conversion)
    (entry,) = conversion.inputs
    sizes = dict(zip(entry["permutation"], entry["shape"], strict=True))
    shape = (1, *(sizes[axis] for axis in range(1, len(sizes))))
    sample = normal(np.random.default_rng(0), shape)
    answers = all_tensors(model, [sample])
    recorder = Recorder(module, trace.graph)
    with torch.no_grad():
        recorder.run(torch.from_numpy(sample.transpose(entry["permutation"])))
    compared = 0
    for layer in trace.layers:
        if layer.node is None:
            continue
        result = recorder.results[layer.node]
        results = result if isinstance(result, tuple) else (result,)
        for place, value in layer.compared.items():
            expected = torch.from_numpy(told(value, [answers]))
            assert results[place].shape == expected.shape, layer.name
            limit = ulps * ULP * max(1.0, float(expected.abs().max()))
            error = float((results[place] - expected).abs().max())
            assert error <= limit, f"{layer.name} is off by {error}, {limit} passes"
            compared += 1
    return compared
