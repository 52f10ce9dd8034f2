"""Outputs alone: a module that is right passes; a fault in one is found and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from tests.support.models import ModelBuilder, one_operator_model
from tests.support.models import Tensor as TfliteTensor
from tests.support.operators import convert_bytes
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import PATTERNS, Sample, make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import LayerReport, ParityReport
from tflite2torch.parity.options import Options

HEIGHT, WIDTH, CHANNELS = 7, 7, 4

generator = np.random.default_rng(0)
WEIGHTS = generator.standard_normal((CHANNELS, 3, 3, 3)).astype(np.float32)
BIAS = generator.standard_normal(CHANNELS).astype(np.float32)


class Tiny(nn.Module):
    """A map of features and their means, the latter without a batch in TFLite."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, CHANNELS, 3, padding=1)
        with torch.no_grad():
            weights = np.ascontiguousarray(WEIGHTS.transpose(0, 3, 1, 2))
            self.conv.weight.copy_(torch.from_numpy(weights))
            self.conv.bias.copy_(torch.from_numpy(BIAS))

    def forward(self, x: Tensor) -> Any:
        features = self.conv(x)
        return features, features.mean((2, 3))


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    builder = ModelBuilder()
    image = builder.input((1, HEIGHT, WIDTH, 3))
    convolution = schema.Conv2DOptionsT(strideW=1, strideH=1)
    [features] = builder.operator("CONV_2D", [image, WEIGHTS, BIAS], options=convolution)
    [means] = builder.operator(
        "MEAN", [features, np.int32([0, 1, 2])], options=schema.ReducerOptionsT()
    )
    return convert_bytes(builder.build([features, means]))


def compare(
    conversion: Conversion,
    module: nn.Module,
    samples: Sequence[Sample] | None = None,
    batches: tuple[int, ...] = (1, 2, 7),
) -> ParityReport:
    """Compare the outputs of a module with TFLite's."""
    if samples is None:
        samples = make_samples(Interface.of(conversion).inputs, 0)
    options = Options(batches, outputs_only=True)
    return compare_model(conversion, load_module(conversion), samples, options, module)


Outputs = tuple[Tensor, Tensor]
Fault = Callable[[Tensor, Outputs], Any]


class Faulty(nn.Module):
    """What Tiny gives, spoilt."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.tiny = Tiny()
        self.fault = fault

    def forward(self, x: Tensor) -> Any:
        features, means = self.tiny(x)
        return self.fault(x, (features.clone(), means.clone()))


Check = Callable[[Fault], ParityReport]


@pytest.fixture
def check(conversion: Conversion) -> Check:
    return lambda fault: compare(conversion, Faulty(fault))


def failed(report: ParityReport) -> LayerReport:
    """Return the report's first output, which alone must have failed."""
    features, means = report.layers
    assert not report.passed
    assert report.failures == ()
    assert report.verdict.startswith(f"failed: {features.name}: ")
    assert means.passed
    assert not features.passed
    return features


def test_a_module_that_is_right_passes(conversion: Conversion) -> None:
    module = Tiny()
    report = compare(conversion, module)
    assert report.passed
    assert report.failures == report.sources == ()
    assert report.samples == PATTERNS
    assert report.batches == (1, 2, 7)
    assert report.delegated
    names = [entry["identifier"] for entry in conversion.outputs]
    assert [output.identity.tensor_name for output in report.layers] == names
    assert report.verdict == "passed: 2 values on 11 inputs; outputs alone"
    assert report.coverage.compared == report.coverage.total == 2
    for output in report.layers:
        assert output.failures == ()
        assert 0 < output.worst.floor < 4e-5
        assert output.worst.error <= output.worst.limit < 4e-5
        assert output.totals.xnnpack_error is not None
        assert 0 < output.totals.xnnpack_error < 4e-5
        exact = output.worst.measures.exact
        assert exact.module is not None
        assert exact.reference is not None
        assert 0 < exact.module < 4e-5
        assert 0 < exact.reference < 4e-5
        assert output.forced is None
    assert module.conv.weight.dtype == torch.float32


class Copy(nn.Module):
    """Gives its input, in memory of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


def test_what_is_inside_is_neither_traced_nor_compared(conversion: Conversion) -> None:
    def untraceable(x: Tensor, outputs: Outputs) -> Outputs:
        assert float(x.detach().sum()) > -1e9
        return outputs

    assert compare(conversion, Faulty(untraceable), batches=(1,)).passed
    inside = one_operator_model("NEG", [TfliteTensor((1, 4))])
    builder = ModelBuilder()
    x = builder.input((1, 4))
    for _ in range(2):
        [x] = builder.operator("NEG", [x], options=schema.NegOptionsT())
    two = convert_bytes(builder.build([x]))
    report = compare(two, Copy())
    assert report.passed, report.verdict
    [missing] = report.coverage.uncompared
    assert missing.reason == "only outputs are compared"
    assert not compare(convert_bytes(inside), Copy()).passed


def bias_off(x: Tensor, outputs: Outputs) -> Outputs:
    features, means = outputs
    features[:, 2] += 1e-3
    return features, means


def test_a_bias_that_is_off(check: Check) -> None:
    output = failed(check(bias_off))
    assert output.worst.error == pytest.approx(1e-3, rel=0.01)
    assert output.totals.xnnpack_error == pytest.approx(1e-3, rel=0.01)
    assert output.ratio > 100
    assert "error 0.001 at [2, " in output.failures[0]
    assert "noise floor" in output.failures[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite(check: Check, value: float) -> None:
    def spoil(x: Tensor, outputs: Outputs) -> Outputs:
        outputs[0][:, 1, 2, 3] = value
        return outputs

    output = failed(check(spoil))
    assert output.worst.error == float("inf")
    assert f"{value}, not " in output.failures[0]
    assert "at [1, 2, 3]" in output.failures[0]


def test_samples_of_a_batch_that_change_places(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].roll(1, 0), out[1])))
    worst = output.worst.measures.sample
    assert "of a batch of " in worst
    assert output.failures[0].startswith(f"{worst}: error ")
    assert all("of a batch of " in reason for reason in output.failures[:-1])
    assert output.failures[-1].startswith("and ")


def test_one_wrong_value_in_one_sample_of_one_batch(check: Check) -> None:
    def spoil(x: Tensor, outputs: Outputs) -> Outputs:
        if len(x) == 7:
            outputs[0][4, 3, 1, 1] += 1e-3
        return outputs

    output = failed(check(spoil))
    assert output.worst.measures.sample.endswith(", sample 4 of a batch of 7")
    assert any("run alone" in reason for reason in output.failures)


def test_a_fault_that_shows_on_the_face_alone(conversion: Conversion) -> None:
    def spoil(x: Tensor, outputs: Outputs) -> Outputs:
        rough = x.diff(dim=2).abs().mean((1, 2, 3)) > 0.25
        smooth = (~rough).float()[:, None, None, None]
        return outputs[0] + 1e-3 * smooth, outputs[1]

    ports = Interface.of(conversion).inputs
    samples = make_samples(ports, 0, ("uniform", "extremes", "face"))
    output = failed(compare(conversion, Faulty(spoil), samples))
    assert output.worst.sample == "face"
    assert all(reason.startswith("face") for reason in output.failures)


def test_height_and_width_swapped(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].transpose(2, 3), out[1])))
    assert "error " in output.failures[0]


def test_an_output_in_tflite_order(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].permute(0, 2, 3, 1), out[1])))
    assert "shape [7, 7, 4], not [4, 7, 7]" in output.failures[0]


def test_an_output_of_as_many_elements_in_another_shape(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].flatten(1), out[1])))
    assert "shape [196], not [4, 7, 7]" in output.failures[0]


def test_a_batch_that_is_baked_in(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0][:1], out[1])))
    assert "shape [1, 4, 7, 7], not [N, 4, 7, 7] for a batch" in output.failures[0]
    batches = (" of a batch of 2", " of a batch of 7")
    assert output.worst.measures.sample.endswith(batches)


def test_an_output_of_another_type(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].double(), out[1])))
    assert "float64 values, not float32" in output.failures[0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            lambda x, out: out[0],
            "called as users do, the module gives 1 outputs where TFLite gives 2",
        ),
        (lambda x, out: (*out, out[1]), "gives 3 outputs where TFLite gives 2"),
        (lambda x, out: (), "gives 0 outputs"),
        (lambda x, out: (out[0], None), "gives Tensor, NoneType, not tensors"),
        (lambda x, out: dict(enumerate(out)), "gives dict, not tensors"),
        (
            lambda x, out: out[0].reshape(9),
            "called as users do, the module raises RuntimeError: shape",
        ),
        (lambda x, out: out[5], "raises IndexError: tuple index out of range"),
    ],
)
def test_a_module_that_gives_no_such_outputs(check: Check, fault: Fault, message: str) -> None:
    report = check(fault)
    assert not report.passed
    assert report.layers == report.batches == ()
    assert message in report.failures[0]
    assert message in report.verdict


def test_a_module_that_cannot_take_a_batch(check: Check) -> None:
    report = check(lambda x, out: (out[0].reshape(1, 4, 7, 7), out[1]))
    assert not report.passed
    assert report.batches == (1,)
    assert "on a batch of 2, the module raises RuntimeError: shape" in report.failures[0]
    assert all(output.passed for output in report.layers)


def test_outputs_that_change_places(conversion: Conversion) -> None:
    turned = replace(conversion, outputs=conversion.outputs[::-1])
    report = compare(turned, Tiny())
    assert not report.passed
    assert report.failures[0].startswith("the module stands for outputs float32 [4] ")


def test_an_output_that_is_left_out(conversion: Conversion) -> None:
    report = compare(replace(conversion, outputs=conversion.outputs[:1]), Tiny())
    assert not report.passed
    assert "TFLite has float32 [1, 7, 7, 4]" in report.failures[0]


def test_a_comparison_on_no_input(conversion: Conversion) -> None:
    report = compare(conversion, Tiny(), [])
    assert not report.passed
    assert report.failures == ("there is no input to compare on",)


class Root(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


def test_an_input_without_an_answer_is_left_out() -> None:
    root = convert_bytes(one_operator_model("SQRT", [TfliteTensor((1, 4))]))
    nothing = Sample("nothing", (np.full((1, 4), -1, np.float32),))
    report = compare(root, Root(), [nothing])
    assert not report.passed
    assert report.failures == ("there is no input to compare on",)
    assert report.left_out == ("nothing",)
    report = compare(root, Root(), [nothing, Sample("some", (np.ones((1, 4), np.float32),))])
    assert report.passed
    assert (report.samples, report.left_out) == (("some",), ("nothing",))


class Largest(nn.Module):
    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(1) + self.offset


@pytest.mark.parametrize("offset", [0, 1])
def test_whole_numbers_must_be_equal(offset: int) -> None:
    options = schema.ArgMaxOptionsT(outputType=schema.TensorType.INT64)
    model = one_operator_model(
        "ARG_MAX", [TfliteTensor((1, 9)), np.int32(1)], ["int64"], options=options
    )
    report = compare(convert_bytes(model), Largest(offset))
    assert report.passed == (offset == 0)
    assert report.layers[0].worst.error == offset


class Single(nn.Module):
    """Runs in float32 whatever it is given, as a cast in a model makes it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.float() @ torch.eye(4, dtype=x.dtype)


def test_a_module_that_has_no_exact_answer_passes_without() -> None:
    positive = Sample("positive", (np.float32([[0.5, 1, 0.25, 3]]),))
    magnitudes = convert_bytes(one_operator_model("ABS", [TfliteTensor((1, 4))]))
    report = compare(magnitudes, Single(), [positive])
    assert report.passed
    exact = report.layers[0].worst.measures.exact
    assert exact.module is exact.reference is None
    assert report.layers[0].ratio == 0


def test_torch_runs_on_one_thread_as_tflite_does(check: Check) -> None:
    before = torch.get_num_threads()
    threads = set()

    def note(x: Tensor, outputs: Outputs) -> Outputs:
        threads.add(torch.get_num_threads())
        return outputs

    torch.set_num_threads(2)
    try:
        assert check(note).passed
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == {1}
