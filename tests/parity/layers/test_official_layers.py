"""Every layer of the official models is what TFLite makes of it; a fault in one shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.official import BUNDLE, BUNDLED, FACTS
from tflite2torch import compare
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.align.trace import trace_conversion
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.mediapipe import MediaPipeReference

Reports = dict[str, ParityReport]

COMPARED = 0.95
"""The share of a model's tensors that has to be compared."""

DIRECT = 0.85
"""The share that the module itself has to give a value of, where nothing else is said."""

FOLDED = {"face_blendshapes": 0.4, "face_detection_full_range_sparse": 0.7}
"""The same of models whose LayerNorms are spelled out, and that have a PAD for each layer."""


def check_coverage(report: ParityReport) -> None:
    """Assert that a comparison covers a model, and mostly by what the module gives."""
    covered = report.coverage
    assert covered.unexplained == ()
    assert covered.compared >= COMPARED * covered.total
    direct = covered.compared - covered.folded
    assert direct >= FOLDED.get(report.name, DIRECT) * covered.total
    labelled = [layer for layer in report.layers if layer.identity.inside]
    assert len(labelled) == covered.folded
    for layer in report.layers:
        assert layer.totals.compared > 0


@pytest.mark.parametrize("batch", [1, 3])
def test_the_models_of_the_face_landmarker(
    models: Callable[[str], Path], bundled: Reports, batch: int
) -> None:
    reports = bundled if batch == 1 else compare(models(BUNDLE), batch=batch)
    assert isinstance(reports, dict)
    assert len(reports) == 3
    for report in reports.values():
        assert report.passed, report.verdict
        assert "face" in report.samples
        check_coverage(report)
        for layer in report.layers:
            assert layer.worst.measures.exact.module is not None


# The bundle's models are compared above; the wheel has the same iris_landmark.
OTHERS = sorted(set(FACTS) - set(BUNDLED) - {"legacy/iris_landmark"})
CUSTOM = ("face_landmark_with_attention", "selfie_segmentation")


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_model(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder, stem = name.split("/")
    if stem.startswith(CUSTOM) and (reason := MediaPipeReference.unavailable()):
        pytest.skip(reason)
    if folder == "wheel":
        path = tmp_path / f"{stem}.tflite"
        path.write_bytes(request.getfixturevalue("wheel_models")[path.name])
    else:
        path = request.getfixturevalue("models")(f"{stem}.tflite")
    report = compare(path)
    assert not isinstance(report, dict)
    assert report.passed, report.verdict
    check_coverage(report)
    assert len(report.samples) > 5


def test_a_channel_that_random_inputs_leave_dead(models: Callable[[str], Path]) -> None:
    """Real pictures wake it; on random numbers no value tells that its weights are others."""
    files = {file.name: file for file in read_sources([models(BUNDLE)])}
    conversion = convert_model(files["face_detector"])
    module = load_module(conversion)
    with torch.no_grad():
        module.get_parameter("stage4.1.depthwise.weight")[51] *= 3
    ports = Interface.of(conversion).inputs
    for patterns, dead in ((("uniform", "normal"), True), (("photo",), False)):
        samples = make_samples(ports, 0, patterns)
        report = compare_model(conversion, load_module(conversion), samples, module=module)
        assert not report.passed
        assert report.sources == ("stage4.1.depthwise",)
        [layer] = [x for x in report.layers if x.name in report.sources]
        assert bool(layer.failures) != dead
        assert layer.isolated_failures
        assert [one.key for one in report.constants if one.different] == [f"{layer.name}.weight"]
        assert any("nothing exercised 9 of these" in line for line in report.failures) == dead


@pytest.mark.parametrize("fault", ["weights", "reflected padding"])
def test_a_fault_deep_in_a_detector(models: Callable[[str], Path], fault: str) -> None:
    files = {file.name: file for file in read_sources([models(BUNDLE)])}
    conversion = convert_model(files["face_detector"])
    ports = Interface.of(conversion).inputs
    module = load_module(conversion)
    layers = trace_conversion(module, conversion).layers
    blamed = [layer.name for layer in layers if layer.kind == "Conv2d"][-12]
    if fault == "weights":
        with torch.no_grad():
            module.get_parameter(f"{blamed}.bias")[7] += 1e-3
    else:
        text, count = re.subn(
            r"F.pad\((\w+), \(0, 1, 0, 1\)\)",
            r'F.pad(\1, (0, 1, 0, 1), mode="reflect")',
            conversion.source,
        )
        assert count > 0
        module = load_module(replace(conversion, source=text))
    samples = make_samples(ports, 0)[:2]
    report = compare_model(conversion, load_module(conversion), samples, Options(), module)
    assert not report.passed
    if fault == "weights":
        assert report.sources == (blamed,)
        return
    sources = [layer for layer in report.layers if layer.name in report.sources]
    assert len(sources) > 1
    for source in sources:
        assert any("pad" in step for step in source.identity.steps), "all of them are padded"
