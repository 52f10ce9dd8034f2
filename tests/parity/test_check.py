"""A module that is right passes; one with a fault fails, and the fault is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from tests.support.models import ModelBuilder, one_operator_model
from tests.support.models import Tensor as TfliteTensor
from tflite2torch.parity.check import check_outputs
from tflite2torch.parity.inputs.interface import Interface, Port
from tflite2torch.parity.report import ModelReport, OutputReport

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
def model() -> bytes:
    builder = ModelBuilder()
    image = builder.input((1, HEIGHT, WIDTH, 3))
    convolution = schema.Conv2DOptionsT(strideW=1, strideH=1)
    [features] = builder.operator(
        "CONV_2D", [image, WEIGHTS, BIAS], options=convolution
    )
    [means] = builder.operator(
        "MEAN", [features, np.int32([0, 1, 2])], options=schema.ReducerOptionsT()
    )
    return builder.build([features, means])


@pytest.fixture(scope="module")
def interface(model: bytes) -> Interface:
    [graph] = schema.ModelT.InitFromPackedBuf(model).subgraphs
    image, features, means = (int(i) for i in [*graph.inputs, *graph.outputs])
    nchw = (0, 3, 1, 2)
    return Interface(
        (Port("image", image, (3, HEIGHT, WIDTH), "float32", nchw),),
        (
            Port("features", features, (CHANNELS, HEIGHT, WIDTH), "float32", nchw),
            Port("means", means, (CHANNELS,), "float32", (-1, 0)),
        ),
    )


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


Check = Callable[[Fault], ModelReport]


@pytest.fixture
def check(model: bytes, interface: Interface) -> Check:
    return lambda fault: check_outputs(model, Faulty(fault), interface)


def failed(report: ModelReport) -> OutputReport:
    """Return the report's first output, which alone must have failed."""
    features, means = report.outputs
    assert not report.passed
    assert report.failures == ()
    assert means.passed
    assert not features.passed
    return features


def test_a_module_that_is_right_passes(model: bytes, interface: Interface) -> None:
    module = Tiny()
    report = check_outputs(model, module, interface, batches=(2, 7))
    assert report.passed
    assert report.failures == ()
    assert report.inputs == (*(f"random {i}" for i in range(10)), "face")
    assert report.batches == (1, 2, 7)
    assert report.xnnpack
    assert [output.name for output in report.outputs] == ["features", "means"]
    for output in report.outputs:
        assert output.failures == ()
        assert 0 < output.floor < 1e-5
        assert output.error <= output.limit < 2e-5
        assert 0 < output.error_xnnpack < 1e-5
        assert output.from_exact is not None
        assert output.reference_from_exact is not None
        assert 0 < output.from_exact < 1e-5
        assert 0 < output.reference_from_exact < 1e-5
    assert module.conv.weight.dtype == torch.float32


def bias_off(x: Tensor, outputs: Outputs) -> Outputs:
    features, means = outputs
    features[:, 2] += 1e-3
    return features, means


def test_a_bias_that_is_off(check: Check) -> None:
    output = failed(check(bias_off))
    assert output.error == pytest.approx(1e-3, rel=0.01)
    assert output.error_xnnpack == pytest.approx(1e-3, rel=0.01)
    assert output.ratio > 100
    assert "error 0.001 at [2, " in output.failures[0]
    assert "noise floor" in output.failures[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite(check: Check, value: float) -> None:
    def spoil(x: Tensor, outputs: Outputs) -> Outputs:
        outputs[0][:, 1, 2, 3] = value
        return outputs

    output = failed(check(spoil))
    assert output.error == float("inf")
    assert f"{value}, not " in output.failures[0]
    assert "at [1, 2, 3]" in output.failures[0]


def test_samples_of_a_batch_that_change_places(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].roll(1, 0), out[1])))
    assert "of a batch of " in output.worst
    assert output.failures[0].startswith(f"{output.worst}: error ")
    assert all("of a batch of " in reason for reason in output.failures[:-1])
    assert output.failures[-1].startswith("and ")


def test_one_wrong_value_in_one_sample_of_one_batch(check: Check) -> None:
    def spoil(x: Tensor, outputs: Outputs) -> Outputs:
        if len(x) == 7:
            outputs[0][4, 3, 1, 1] += 1e-3
        return outputs

    output = failed(check(spoil))
    assert output.worst.endswith(", sample 4 of a batch of 7")
    assert any("run alone" in reason for reason in output.failures)


def test_a_fault_that_shows_on_the_face_alone(check: Check) -> None:
    def spoil(x: Tensor, outputs: Outputs) -> Outputs:
        rough = x.diff(dim=2).abs().mean((1, 2, 3)) > 0.25
        smooth = (~rough).float()[:, None, None, None]
        return outputs[0] + 1e-3 * smooth, outputs[1]

    output = failed(check(spoil))
    assert output.worst.startswith("face")
    assert all(reason.startswith("face") for reason in output.failures)


def test_height_and_width_swapped(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].transpose(2, 3), out[1])))
    assert "error " in output.failures[0]


def test_an_output_in_tflite_order(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].permute(0, 2, 3, 1), out[1])))
    assert "shape [1, 7, 7, 4], not [1, 4, 7, 7]" in output.failures[0]


def test_an_output_of_as_many_elements_in_another_shape(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].flatten(1), out[1])))
    assert "shape [1, 196], not [1, 4, 7, 7]" in output.failures[0]


def test_a_batch_that_is_baked_in(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0][:1], out[1])))
    assert "shape [1, 4, 7, 7], not [" in output.failures[0]
    assert output.worst.endswith((" of a batch of 2", " of a batch of 7"))


def test_an_output_of_another_type(check: Check) -> None:
    output = failed(check(lambda x, out: (out[0].double(), out[1])))
    assert "float64 values, not float32" in output.failures[0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            lambda x, out: out[0],
            "on a batch of 1, gives 1 outputs where TFLite gives 2",
        ),
        (lambda x, out: (*out, out[1]), "gives 3 outputs where TFLite gives 2"),
        (lambda x, out: (), "gives 0 outputs"),
        (lambda x, out: (out[0], None), "gives Tensor, NoneType, not tensors"),
        (lambda x, out: dict(enumerate(out)), "gives dict, not tensors"),
        (
            lambda x, out: out[0].reshape(9),
            "on a batch of 1, raises RuntimeError: shape",
        ),
        (lambda x, out: out[5], "raises IndexError: tuple index out of range"),
    ],
)
def test_a_module_that_gives_no_such_outputs(
    check: Check, fault: Fault, message: str
) -> None:
    report = check(fault)
    assert not report.passed
    assert report.outputs == ()
    assert report.batches == ()
    assert message in report.failures[0]


def test_a_module_that_cannot_take_a_batch(check: Check) -> None:
    report = check(lambda x, out: (out[0].reshape(1, 4, 7, 7), out[1]))
    assert not report.passed
    assert report.batches == (1,)
    assert "on a batch of 2, raises RuntimeError: shape" in report.failures[0]
    assert all(output.passed for output in report.outputs)


def test_outputs_that_change_places(model: bytes, interface: Interface) -> None:
    turned = Interface(interface.inputs, interface.outputs[::-1])
    report = check_outputs(model, Tiny(), turned)
    assert not report.passed
    assert report.failures[0].startswith("the module stands for outputs float32 [4] ")


def test_an_output_that_is_left_out(model: bytes, interface: Interface) -> None:
    partial = Interface(interface.inputs, interface.outputs[:1])
    report = check_outputs(model, Tiny(), partial)
    assert not report.passed
    assert "TFLite has float32 [1, 7, 7, 4]" in report.failures[0]


def test_a_comparison_on_no_input(model: bytes) -> None:
    negation = one_operator_model("NEG", [TfliteTensor((1, 4))])
    ports = (
        (Port("x", 0, (4,), "float32", (0, 1)),),
        (Port("y", 1, (4,), "float32", (0, 1)),),
    )
    report = check_outputs(negation, nn.Identity(), Interface(*ports), random_inputs=0)
    assert not report.passed
    assert report.failures == ("there is no input to compare on",)


class Root(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


def test_a_comparison_of_nothing_but_nan() -> None:
    root = one_operator_model("SQRT", [TfliteTensor((1, 4))])
    interface = Interface(
        (Port("x", 0, (4,), "float32", (0, 1), (-2, -1)),),
        (Port("y", 1, (4,), "float32", (0, 1)),),
    )
    report = check_outputs(root, Root(), interface)
    assert not report.passed
    assert "nothing to compare" in report.outputs[0].failures[0]


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
    interface = Interface(
        (Port("x", 0, (9,), "float32", (0, 1)),),
        (Port("index", 2, (), "int64", (0,)),),
    )
    report = check_outputs(model, Largest(offset), interface)
    assert report.passed == (offset == 0)
    assert report.outputs[0].error == offset


class Single(nn.Module):
    """Runs in float32 whatever it is given, as a cast in a model makes it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.float() @ torch.eye(4, dtype=x.dtype)


def test_a_module_that_has_no_exact_answer_passes_without() -> None:
    negation = one_operator_model("ABS", [TfliteTensor((1, 4))])
    interface = Interface(
        (Port("x", 0, (4,), "float32", (0, 1), (0, 1)),),
        (Port("y", 1, (4,), "float32", (0, 1)),),
    )
    report = check_outputs(negation, Single(), interface)
    assert report.passed
    assert report.outputs[0].from_exact is None
    assert report.outputs[0].reference_from_exact is None
    assert report.outputs[0].ratio == 0


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
