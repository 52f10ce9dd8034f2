"""Which operation of an emitted module gives which TFLite tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx

from converter.convert import Conversion
from tests.support.official import BUNDLED
from tflite2torch.loading import load_module


class Recorder(fx.Interpreter):
    """Runs a traced module and keeps what each of its operations gives."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.results: list[Any] = []

    def run_node(self, node: fx.Node) -> Any:
        result = super().run_node(node)
        if node.op in ("call_module", "call_function", "call_method"):
            self.results.append(result)
        return result


@pytest.mark.parametrize("name", BUNDLED)
def test_each_operation_gives_a_tensor_of_its_value_s_shape(
    converted: Callable[[str], Conversion], name: str
) -> None:
    conversion = converted(name)
    traced = fx.symbolic_trace(load_module(conversion))
    recorder = Recorder(traced)
    shape = [5, *conversion.inputs[0]["shape"][1:]]
    with torch.no_grad():
        recorder.run(torch.zeros(shape))
    assert len(recorder.results) == len(conversion.evaluation)
    for operation, result in zip(conversion.evaluation, recorder.results, strict=True):
        for value in operation.values:
            batch, *sizes = value.shape
            assert value.batched == (str(batch) == "N")
            assert list(result.shape) == [5, *sizes]


@pytest.mark.parametrize("name", BUNDLED)
def test_the_outputs_are_among_them(
    converted: Callable[[str], Conversion], name: str
) -> None:
    conversion = converted(name)
    given = {v.tensor for op in conversion.evaluation for v in op.values}
    assert {entry["tensor"] for entry in conversion.outputs} <= given


@pytest.mark.parametrize("name", BUNDLED)
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
