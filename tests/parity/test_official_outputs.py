"""The official models' outputs are TFLite's, and a small fault in them is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.files import manifest_entry
from tflite2torch.converter.frontends.sources import read_sources
from tflite2torch.loading import load_module
from tflite2torch.parity.check import check_outputs
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.report import ModelReport

NAMES = ("face_detector", "face_landmarks_detector", "face_blendshapes")


@pytest.fixture(scope="module")
def conversions(models: Callable[[str], Path]) -> dict[str, Conversion]:
    bundle = models("face_landmarker.task")
    return {c.name: c for c in convert_all(read_sources([bundle]))}


def compared(
    conversion: Conversion, module: torch.nn.Module, **options: Any
) -> ModelReport:
    interface = Interface.from_manifest(manifest_entry(conversion))
    return check_outputs(conversion.file.data, module, interface, **options)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_tflite(
    conversions: dict[str, Conversion], name: str, seed: int
) -> None:
    conversion = conversions[name]
    report = compared(conversion, load_module(conversion), seed=seed)
    assert report.passed, report
    assert report.inputs == (*(f"random {i}" for i in range(10)), "face")
    assert report.batches == (1, 2, 7)
    assert report.xnnpack
    assert len(report.outputs) == len(conversion.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_bias_that_is_off_by_a_thousandth_is_seen(
    conversions: dict[str, Conversion], name: str
) -> None:
    module = load_module(conversions[name])
    biases = [bias for key, bias in module.named_parameters() if key.endswith("bias")]
    with torch.no_grad():
        biases[len(biases) // 2] += 1e-3
    report = compared(conversions[name], module, batches=(), random_inputs=2)
    assert not report.passed
    assert any(output.ratio > 3 for output in report.outputs)
