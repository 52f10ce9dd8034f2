"""Every operation of an emitted module is seen, and stands for the tensor it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from converter.convert import Conversion, convert_model
from converter.reader.model import read_model
from converter.reader.sources import read_sources
from parity.layers.coverage import coverage
from parity.layers.lockstep import in_double, run_in_lockstep
from parity.layers.trace import TraceError, trace_conversion
from tests.support.official import BUNDLE
from tflite2torch.loading import load_module

COVERED = {
    # 72 of the tensors of blendshapes are inside its eight LayerNorms.
    "face_blendshapes": (59, 133),
    "face_detector": (90, 90),
    "face_landmarks_detector": (220, 220),
}


def test_operations_in_order_with_their_tensors(layered: Conversion) -> None:
    trace = trace_conversion(load_module(layered), layered)
    assert [
        (layer.name, *(value.tensor for value in layer.compared.values()))
        for layer in trace.layers
    ] == [
        ("forward: pad",),
        ("conv_2_d_3",),
        ("forward: relu", 3),
        ("conv_2_d_6", 6),
        ("constant_7", 8),
        ("forward: add", 9),
        ("forward: interpolate", 11),
        ("conv_2_d_14", 14),
        ("forward: sigmoid", 15),
        ("output", 15),
    ]
    layers = {layer.name: layer for layer in trace.layers}
    sources, between = trace.inputs_of(layers["forward: relu"])
    assert sources == []
    assert [step.name for step in between] == ["forward: pad", "conv_2_d_3"]
    sources, between = trace.inputs_of(layers["forward: add"])
    assert [step.name for step in sources] == ["forward: relu", "constant_7"]
    assert between == []


def test_a_conversion_that_tells_of_other_operations_is_refused(
    layered: Conversion,
) -> None:
    wrong = replace(layered, evaluation=layered.evaluation[:-1])
    with pytest.raises(
        TraceError, match="9 operations, the conversion 8; they part at"
    ):
        trace_conversion(load_module(layered), wrong)


def test_free_forced_and_exact_runs(layered: Conversion) -> None:
    module = load_module(layered)
    double = in_double(module)
    trace = trace_conversion(module, layered)
    image = torch.rand(2, 3, 16, 12, generator=torch.Generator().manual_seed(0))

    def reference(layer: object) -> dict[int, torch.Tensor]:
        forced = getattr(layer, "name", "") == "conv_2_d_14"
        return {0: torch.zeros(2, 4, 16, 12)} if forced else {}

    steps = list(run_in_lockstep(module, double, trace, [image], reference))
    *_, head, sigmoid, output = steps
    expected = module(image)
    torch.testing.assert_close(output.free[0], expected, rtol=0, atol=0)
    assert sigmoid.exact[0].dtype == torch.float64
    torch.testing.assert_close(sigmoid.exact[0], double(image.double()))
    torch.testing.assert_close(head.forced[0], head.free[0], rtol=0, atol=0)
    assert (sigmoid.forced[0] == 0.5).all()
    assert module.get_parameter("conv_2_d_3.weight").dtype == torch.float32


@pytest.mark.parametrize("name", COVERED)
def test_the_tensors_of_official_models(
    name: str, models: Callable[[str], Path]
) -> None:
    files = {file.name: file for file in read_sources([models(BUNDLE)])}
    conversion = convert_model(files[name])
    trace = trace_conversion(load_module(conversion), conversion)
    found = coverage(read_model(conversion.file), trace)
    assert (found.compared, found.total) == COVERED[name]
    assert found.unexplained == 0
    norms = [u for u in found.uncompared if "(LayerNorm)" in u.reason]
    assert len(norms) == (72 if name == "face_blendshapes" else 0)
