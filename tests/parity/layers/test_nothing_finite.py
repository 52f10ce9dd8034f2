"""What is NaN on both sides was not compared, and reports say so."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner, Result
from rich.console import Console

from tests.support.networks import Network
from tests.support.operators import convert_bytes
from tests.support.page import data_in
from tflite2torch.cli import main
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample, make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reports.html import as_page
from tflite2torch.parity.reports.junit import as_junit
from tflite2torch.parity.reports.terminal import show_report

LEFT_OUT = "left out: zeros: TFLite's own answer is NaN or infinite there"


def divided() -> bytes:
    """Return a model of x / x, which zeros are no input to, and of tanh before that."""
    network = Network()
    bent = network.function("TANH", network.input((1, 5)))
    options = schema.DivOptionsT()
    [ratio] = network.operator("DIV", [bent, bent], options=options)
    return network.build([ratio])


def hidden() -> bytes:
    """Return a model of exp(log(x)): for zeros there is an infinity inside it."""
    network = Network()
    logarithm = network.function("LOG", network.input((1, 5)))
    return network.build([network.function("EXP", logarithm)])


def compare(
    conversion: Conversion,
    samples: list[Sample],
    batch: int = 1,
    outputs_only: bool = False,
) -> ParityReport:
    options = Options((batch,), outputs_only=outputs_only)
    return compare_model(conversion, load_module(conversion), samples, options)


def generated(conversion: Conversion) -> list[Sample]:
    ports = Interface.of(conversion).inputs
    return make_samples(ports, seed=0)


@pytest.mark.parametrize("outputs_only", [False, True])
@pytest.mark.parametrize("batch", [1, 4])
def test_an_input_without_an_answer_is_left_out(batch: int, outputs_only: bool) -> None:
    """``convert``, which checks outputs alone, treats it as ``parity`` does."""
    conversion = convert_bytes(divided())
    report = compare(conversion, generated(conversion), batch, outputs_only)
    assert report.passed, report.verdict
    assert report.samples == ("uniform", "normal", "ramp", "extremes", "ones", "large")
    assert report.left_out == ("zeros",)
    assert " on 6 inputs; " in report.verdict
    assert report.verdict.endswith("NaN or infinite on both sides"), "the ramp has one 0"
    assert {given.sample for given in report.given} == set(report.samples)
    assert {layer.totals.compared_on for layer in report.layers} == {6}
    assert report.notes[0] == LEFT_OUT
    assert "output output (1 elements, compared on 6 of 6 inputs)" in report.notes[1]
    assert {layer.totals.unfinite for layer in report.layers[-1:]} == {1}


def test_every_report_says_so() -> None:
    conversion = convert_bytes(divided())
    report = compare(conversion, generated(conversion))
    console = Console(file=StringIO(), width=200)
    show_report(console, report, everything=False)
    partly = "NaN or infinite on both sides: forward: truediv (1 elements"
    for note in (LEFT_OUT, partly):
        assert note in console.file.getvalue()  # type: ignore[attr-defined]
        assert note in " ".join(data_in(as_page({"model": report}))["models"][0]["notes"])
        assert note in as_junit({"model": report}).decode()


def test_all_left_out_is_a_failure() -> None:
    conversion = convert_bytes(divided())
    samples = [s for s in generated(conversion) if s.name == "zeros"]
    report = compare(conversion, samples)
    assert not report.passed
    assert report.samples == ()
    assert "there is no input to compare on" in report.verdict
    assert report.notes == (LEFT_OUT,)


def test_an_input_that_was_asked_for_is_a_failure() -> None:
    conversion = convert_bytes(divided())
    samples = [replace(s, wanted=True) for s in generated(conversion)]
    report = compare(conversion, samples)
    assert not report.passed
    [failure] = report.failures
    assert failure.startswith("nothing to compare on zeros: TFLite's own answer is NaN")
    assert len(report.samples) == 6


def test_the_command_asks_for_saved_inputs(tmp_path: Path) -> None:
    path, saved = tmp_path / "model.tflite", tmp_path / "saved.npz"
    path.write_bytes(divided())
    numbers = np.ones((2, 5), np.float32)
    numbers[1] = 0
    [entry] = convert_bytes(divided()).inputs
    np.savez(saved, **{entry["identifier"]: numbers})
    result = parity(path, f"--inputs={saved}", "--json")
    assert result.exit_code == 1
    [model] = json.loads(result.stdout)["models"]
    assert model["samples"] == ["saved.npz 0"]
    assert model["left_out"] == ["saved.npz 1"]
    assert "nothing to compare on saved.npz 1" in model["verdict"]
    assert parity(path).exit_code == 0


def parity(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["parity", str(path), *options])


def test_a_tensor_that_is_nan_on_some_inputs() -> None:
    conversion = convert_bytes(hidden())
    samples = [s for s in generated(conversion) if s.name != "large"]
    report = compare(conversion, samples)
    assert report.passed, report.verdict
    logarithm = report.layers[0]
    assert logarithm.totals.compared_on == len(report.samples) - 1 == 5
    count = logarithm.totals.unfinite
    assert count > 5, "all zeros, and the negative ones"
    told = f"{logarithm.name} ({count} elements, compared on 5 of 6 inputs)"
    assert told in report.notes[0]


def test_a_tensor_that_is_nan_on_all_inputs_is_a_failure() -> None:
    conversion = convert_bytes(hidden())
    samples = [s for s in generated(conversion) if s.name == "zeros"]
    report = compare(conversion, samples)
    assert not report.passed
    assert report.layers[0].failures == ("no element is finite on both sides",)
