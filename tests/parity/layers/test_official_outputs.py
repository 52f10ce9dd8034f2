"""The official models' outputs are TFLite's, and a small fault in them is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import PATTERNS, SIGNED, make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options

NAMES = ("face_detector", "face_landmarks_detector", "face_blendshapes")


@pytest.fixture(scope="module")
def conversions(models: Callable[[str], Path]) -> dict[str, Conversion]:
    bundle = models("face_landmarker.task")
    return {c.name: c for c in convert_all(read_sources([bundle]))}


def compared(
    conversion: Conversion,
    module: torch.nn.Module,
    batches: tuple[int, ...],
    seed: int = 0,
    patterns: tuple[str, ...] = PATTERNS,
) -> ParityReport:
    samples = make_samples(Interface.of(conversion).inputs, seed, patterns)
    options = Options(batches, seed, outputs_only=True)
    return compare_model(conversion, module, samples, options)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_tflite(
    conversions: dict[str, Conversion], name: str, seed: int
) -> None:
    conversion = conversions[name]
    report = compared(conversion, load_module(conversion), (1, 2, 7), seed)
    assert report.passed, report.verdict
    if name == "face_blendshapes":
        assert report.left_out == ("zeros", "ones"), "its face has no size there"
        assert report.samples == ("uniform", "normal", "ramp", "extremes", "large", "face")
    else:
        assert report.left_out == ()
        assert report.samples == tuple(p for p in PATTERNS if p != SIGNED)
    assert report.batches == (1, 2, 7)
    assert report.delegated
    assert len(report.layers) == len(conversion.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_bias_that_is_off_by_a_thousandth_is_seen(
    conversions: dict[str, Conversion], name: str
) -> None:
    module = load_module(conversions[name])
    biases = [bias for key, bias in module.named_parameters() if key.endswith("bias")]
    with torch.no_grad():
        biases[len(biases) // 2] += 1e-3
    report = compared(conversions[name], module, (1,), patterns=("uniform",))
    assert not report.passed
    assert any(output.ratio > 3 for output in report.layers)
