"""Every operation of an emitted module is seen, and stands for the tensor it should."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.support.layered import (
    BENT,
    HEAD,
    LARGE,
    MIXED,
    RELU,
    SCORE,
    TOTAL,
)
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.align.lockstep import in_double, run_in_lockstep
from tflite2torch.parity.align.trace import TraceError, trace_conversion
from tflite2torch.parity.align.values import tensor_of


def test_operations_in_order_with_their_tensors(layered: Conversion) -> None:
    trace = trace_conversion(load_module(layered), layered)
    assert [
        (layer.kind, *(tensor_of(value) for value in layer.compared.values()))
        for layer in trace.layers
    ] == [
        ("pad",),
        ("Conv2d",),
        ("relu", RELU),
        ("Conv2d", MIXED),
        ("PReLU", BENT),
        ("add", TOTAL),
        ("interpolate", LARGE),
        ("Conv2d", HEAD),
        ("sigmoid", SCORE),
        ("output", SCORE),
    ]
    pad, stem, relu, _, bent, total, *_ = trace.layers
    assert trace.inputs_of(relu) == ([], [pad, stem])
    assert trace.inputs_of(total) == ([relu, bent], [])


def test_a_conversion_that_tells_of_other_operations_is_refused(
    layered: Conversion,
) -> None:
    wrong = replace(layered, evaluation=layered.evaluation[:-1])
    with pytest.raises(TraceError, match="9 operations, the conversion 8; they part at"):
        trace_conversion(load_module(layered), wrong)


def test_free_forced_and_exact_runs(layered: Conversion) -> None:
    module = load_module(layered)
    double = in_double(module)
    trace = trace_conversion(module, layered)
    image = torch.rand(2, 3, 16, 12, generator=torch.Generator().manual_seed(0))

    def reference(value: Value) -> torch.Tensor | None:
        return torch.zeros(2, 4, 16, 12) if tensor_of(value) == HEAD else None

    steps = list(run_in_lockstep(module, double, trace, [image], reference))
    *_, head, sigmoid, output = steps
    expected = module(image)
    torch.testing.assert_close(output.free[0], expected, rtol=0, atol=0)
    assert sigmoid.exact[0].dtype == torch.float64
    torch.testing.assert_close(sigmoid.exact[0], double(image.double()))
    torch.testing.assert_close(head.forced[0], head.free[0], rtol=0, atol=0)
    assert (sigmoid.forced[0] == 0.5).all()
    assert {weight.dtype for weight in module.parameters()} == {torch.float32}
