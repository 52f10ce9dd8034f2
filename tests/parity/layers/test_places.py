"""Behind an argmax no magnitude tells right from wrong where numbers tie; elsewhere it does."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from tests.support.custom import require_mediapipe
from tests.support.operators import convert_bytes
from tests.support.segmenter import segmenter_model
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.align.trace import trace_conversion
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reports.terminal import show_report


@pytest.fixture(scope="module")
def segmenter() -> Conversion:
    return convert_bytes(segmenter_model())


def compare(segmenter: Conversion, *names: str, module: nn.Module | None = None) -> ParityReport:
    samples = make_samples(Interface.of(segmenter).inputs, 0)
    chosen = [sample for sample in samples if sample.name in names]
    return compare_model(segmenter, load_module(segmenter), chosen, Options(), module)


def test_the_conversion_lists_the_operations_that_the_module_has(segmenter: Conversion) -> None:
    trace = trace_conversion(load_module(segmenter), segmenter)
    pools = [layer for layer in trace.layers if layer.kind == "max_pool_with_argmax"]
    assert [len(layer.compared) for layer in pools] == [2, 2]


def test_a_right_module_passes_where_all_numbers_tie(segmenter: Conversion) -> None:
    require_mediapipe()
    report = compare(segmenter, "uniform", "ones")
    assert report.passed, report.verdict
    assert report.coverage.compared == report.coverage.total == 11
    places = [x for x in report.layers if x.totals.equal is not None]
    assert [x.name for x in places] == [
        "forward: max_pool_with_argmax [1]",
        "forward: max_pool_with_argmax #2 [1]",
    ]
    assert min(x.totals.equal or 0 for x in places) < 1, "rounding decides among ones"
    console = Console(file=StringIO(), width=1000)
    show_report(console, report, everything=False)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "7 values lie behind an argmax" in said
    assert "with other places on ones" in said


@pytest.mark.parametrize("layer", ["conv3", "conv5"])
def test_a_small_error_behind_the_places_is_found(segmenter: Conversion, layer: str) -> None:
    """It is far below the jumps that the places cause on ones."""
    require_mediapipe()
    module = load_module(segmenter)
    with torch.no_grad():
        module.get_parameter(f"{layer}.bias")[1] += 1e-5
    for sample in ("uniform", "ones"):
        report = compare(segmenter, sample, module=module)
        assert not report.passed
        assert report.sources[0].startswith(layer)


def test_the_last_of_equal_numbers_is_found(segmenter: Conversion) -> None:
    require_mediapipe()
    module = load_module(segmenter)
    helpers = type(module).forward.__globals__  # type: ignore[attr-defined]
    first = helpers["max_pool_with_argmax"]

    def last(x: torch.Tensor, *window: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        values, places = first(x.flip((2, 3)), *window)
        return values.flip((2, 3)), (np.float32(3.2) - places).flip((2, 3))

    last.__name__ = "max_pool_with_argmax"
    helpers["max_pool_with_argmax"] = last
    report = compare(segmenter, "uniform", "zeros", module=module)
    assert "max_pool_with_argmax" in report.sources[0]
