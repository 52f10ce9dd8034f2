"""Which operation of an emitted module gives which TFLite tensor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.support.official import BUNDLED, FACTS
from tests.support.tracing import Recorder
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.align.trace import trace_conversion


@pytest.mark.parametrize("name", FACTS)
def test_tracing_meets_the_operations_that_it_tells(
    converted: Callable[[str], Conversion], name: str
) -> None:
    conversion = converted(name)
    trace = trace_conversion(load_module(conversion), conversion)
    assert len(trace.layers) == len(conversion.evaluation) + 1


@pytest.mark.parametrize("name", BUNDLED)
def test_each_operation_gives_a_tensor_of_its_value_s_shape(
    converted: Callable[[str], Conversion], name: str
) -> None:
    conversion = converted(name)
    module = load_module(conversion)
    trace = trace_conversion(module, conversion)
    recorder = Recorder(module, trace.graph)
    shape = [5, *conversion.inputs[0]["shape"][1:]]
    with torch.no_grad():
        recorder.run(torch.zeros(shape))
    *operations, _ = trace.layers
    for operation, layer in zip(conversion.evaluation, operations, strict=True):
        for value in operation.values:
            batch, *sizes = value.shape
            assert value.batched == (str(batch) == "N")
            assert list(recorder.results[layer.node].shape) == [5, *sizes]


@pytest.mark.parametrize("name", FACTS)
def test_the_outputs_are_among_them(converted: Callable[[str], Conversion], name: str) -> None:
    conversion = converted(name)
    values = [v for operation in conversion.evaluation for v in operation.values]
    given = {value.origin.index for value in values if value.origin is not None}
    assert {entry["tensor"] for entry in conversion.outputs} <= given


@pytest.mark.parametrize("name", FACTS)
def test_no_tensor_is_given_twice(converted: Callable[[str], Conversion], name: str) -> None:
    """A step that a use lacks gives nothing, though it has a value in the graph."""
    evaluation = converted(name).evaluation
    origins = [v.origin for operation in evaluation for v in operation.values]
    known = [origin for origin in origins if origin is not None]
    assert len(known) == len(set(known))


@pytest.mark.parametrize("name", FACTS)
def test_layers_stand_under_their_key_in_the_state(
    converted: Callable[[str], Conversion], name: str
) -> None:
    conversion = converted(name)
    paths = {operation.path for operation in conversion.evaluation}
    for key, value in conversion.state.items():
        owner, _, kind = key.rpartition(".")
        if kind in ("weight", "bias") and owner:
            assert owner in paths
        assert np.isfinite(value.array).all()
