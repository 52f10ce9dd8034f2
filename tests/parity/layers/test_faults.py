"""Every planted fault fails, and the layer it was planted in is the one that is blamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.layered import HEAD, MIXED, Twin, with_weights
from tests.support.networks import Network
from tests.support.operators import convert_bytes
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.align.coverage import Coverage, Uncompared, coverage
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import LayerReport, ParityReport
from tflite2torch.parity.options import Options

Compare = Callable[..., ParityReport]

PASSED = "passed: 8 values on 3 inputs; 580 of 596 weights exercised"


def twin(conversion: Conversion, **parts: Any) -> nn.Module:
    """Return the network with other methods in place of its own."""
    return with_weights(type("Faulty", (Twin,), parts)(), conversion)


def source(report: ParityReport) -> LayerReport:
    """Return the layer that is blamed; the module must have failed."""
    assert not report.passed
    assert report.verdict.startswith("failed: ")
    [layer] = [layer for layer in report.layers if layer.name == report.sources[0]]
    assert not layer.passed
    assert layer.span in report.verdict
    inputs = layer.identity.inputs
    before = [other for other in report.layers if other.name in inputs]
    assert all(other.passed for other in before), "the error arises here"
    return layer


def test_the_module_as_emitted_passes(compare: Compare) -> None:
    report = compare()
    assert report.passed, report.verdict
    assert report.sources == report.failures == ()
    assert report.verdict == PASSED
    assert report.kernels == ("reference", "builtin", "xnnpack")
    assert all(0 <= x.worst.error <= x.worst.limit < 1e-4 for x in report.layers)
    assert any(layer.worst.floor > 0 for layer in report.layers)


def test_the_twin_passes(compare: Compare, layered: Conversion) -> None:
    report = compare(twin(layered))
    assert report.passed, report.verdict
    assert report.verdict == PASSED


def larger(size: tuple[int, int], align_corners: bool | None = None) -> Any:
    return lambda self, x: F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


@pytest.mark.parametrize(
    ("part", "fault", "blamed", "step"),
    [
        (
            "pad",
            lambda self, x: F.pad(x, (0, 1, 0, 1), mode="reflect"),
            "stem: relu",
            "forward: pad → stem: relu",
        ),
        (
            "pad",
            lambda self, x: F.pad(x, (1, 1, 1, 1)),
            "stem: relu",
            "forward: pad",
        ),
        ("enlarge", larger((12, 16)), "forward: interpolate", ""),
        ("enlarge", larger((16, 12), True), "forward: interpolate", ""),
        (
            "join",
            lambda self, bent, x: bent + 0.999 * x,
            "forward: add",
            "forward: mul",
        ),
        ("end", lambda self, x: torch.tanh(x), "forward: tanh", ""),
    ],
    ids=[
        "reflect instead of constant padding",
        "symmetric padding at stride 2",
        "a size with height and width swapped",
        "align_corners",
        "a factor",
        "another activation",
    ],
)
def test_a_fault_in_a_step(
    compare: Compare,
    layered: Conversion,
    output_row: str,
    part: str,
    fault: Callable[..., Tensor],
    blamed: str,
    step: str,
) -> None:
    report = compare(twin(layered, **{part: fault}))
    layer = source(report)
    assert layer.name == (output_row if blamed == "output" else blamed)
    assert layer.span.startswith(step)


def transposed(module: nn.Module) -> None:
    weight = module.get_parameter("mixed.weight")
    weight.copy_(weight.transpose(0, 1).clone())


def turned(module: nn.Module) -> None:
    weight = module.get_parameter("head.weight")
    weight.copy_(weight.transpose(2, 3).clone())


def off(module: nn.Module) -> None:
    module.get_parameter("head.bias")[2] += 1e-3


def not_a_number(module: nn.Module) -> None:
    module.get_parameter("mixed.bias")[1] = torch.nan


def one_slope(module: nn.Module) -> None:
    module.get_parameter("slope.weight")[5] *= 1.001


@pytest.mark.parametrize(
    ("fault", "blamed", "said"),
    [
        (transposed, "mixed", "error "),
        (turned, "head", "error "),
        (off, "head", "at [2, "),
        (not_a_number, "mixed", "nan, not "),
        (one_slope, "slope", "at [5, "),
    ],
    ids=[
        "a transposed weight",
        "a kernel with height and width swapped",
        "a bias off by 1e-3",
        "NaN in one channel",
        "one slope",
    ],
)
def test_a_fault_in_the_weights(
    compare: Compare,
    layered: Conversion,
    fault: Callable[[nn.Module], None],
    blamed: str,
    said: str,
) -> None:
    module = twin(layered)
    with torch.no_grad():
        fault(module)
    report = compare(module)
    assert source(report).name == blamed
    assert said in source(report).failures[0]
    assert report.sources == (blamed,)


def test_a_fault_in_an_emitted_module(
    compare: Compare, layered: Conversion, paths: dict[int, str]
) -> None:
    module = load_module(layered)
    with torch.no_grad():
        module.get_parameter(f"{paths[HEAD]}.bias")[2] += 1e-3
    report = compare(module)
    assert report.sources == (paths[HEAD],)
    layer = source(report)
    assert layer.identity.tensor == HEAD
    assert layer.worst.measures.where[0] == 2
    assert layer.worst.error == pytest.approx(1e-3, rel=0.01)


def test_what_has_the_weights_is_named_with_its_activation(
    compare: Compare, layered: Conversion
) -> None:
    """TFLite has one operator for both, and no tensor between them."""
    module = twin(layered)
    with torch.no_grad():
        module.get_parameter("stem.bias")[1] += 1e-3
    report = compare(module)
    assert report.sources == ("stem: relu",)
    assert source(report).span == "forward: pad → stem: relu"


def test_a_slope_along_the_wrong_axis(compare: Compare, layered: Conversion) -> None:
    def bend(self: Any, x: Tensor) -> Tensor:
        turned: Tensor = self.slope(self.mixed(x).transpose(1, 2))
        return turned.transpose(1, 2)

    report = compare(twin(layered, bend=bend))
    assert source(report).name == "slope"


@pytest.mark.parametrize(
    ("part", "fault", "blamed"),
    [
        ("bend", lambda self, x: self.mixed(x), "forward: add"),
        ("begin", lambda self, x: x, "stem"),
        ("end", lambda self, x: x, ""),
    ],
    ids=["a layer that is skipped", "a missing activation", "the last step"],
)
def test_what_is_left_out_is_told_and_what_lacks_it_is_blamed(
    compare: Compare, layered: Conversion, part: str, fault: Callable[..., Tensor], blamed: str
) -> None:
    report = compare(twin(layered, **{part: fault}))
    assert not report.passed
    if blamed:
        assert source(report).name == blamed
    else:
        assert report.failures == ("no output of the module stands for output",)


def test_one_wrong_value_in_one_sample_of_a_batch(
    compare: Compare, layered: Conversion, paths: dict[int, str]
) -> None:
    module = load_module(layered)

    def spoil(_: nn.Module, __: object, output: Tensor) -> Tensor:
        if len(output) == 3:
            output[1, 2, 3, 4] += 1e-3
        return output

    module.get_submodule(paths[MIXED]).register_forward_hook(spoil)
    assert compare(module).passed
    layer = source(compare(module, batch=3))
    assert layer.name == paths[MIXED]
    measures = layer.worst.measures
    assert measures.where == (2, 3, 4)
    assert measures.sample == "normal, sample 1 of a batch of 3"
    assert measures.error == pytest.approx(1e-3, rel=0.01)


def test_a_batch_that_shrinks(compare: Compare, layered: Conversion, paths: dict[int, str]) -> None:
    module = load_module(layered)
    shrunk = module.get_submodule(paths[MIXED])
    shrunk.register_forward_hook(lambda _, __, x: x[:1])
    assert compare(module).passed
    layer = source(compare(module, batch=3))
    assert layer.name == paths[MIXED]
    assert "shape [1, 8, 8, 6], not [N, 8, 8, 6] for a batch" in layer.failures[0]


def test_a_layer_that_raises_is_named(compare: Compare, layered: Conversion) -> None:
    report = compare(twin(layered, pad=lambda self, x: F.pad(x, (0, 1) * 3)))
    assert not report.passed
    assert report.sources == ("stem",)
    assert "stem raises RuntimeError" in report.verdict


def test_a_module_that_cannot_be_traced_fails(compare: Compare, layered: Conversion) -> None:
    report = compare(twin(layered, pad=lambda self, x: x.numpy()))
    assert not report.passed
    assert "stem raises TypeError" in report.verdict


def test_no_input_is_a_failure(compare: Compare) -> None:
    report = compare(samples=[])
    assert not report.passed
    assert "there is no input" in report.verdict


class Ends(nn.Module):
    """A convolution, and its hyperbolic tangent."""

    def __init__(self, turned: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.turned = turned

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv(x)
        return (torch.tanh(x), x) if self.turned else (x, torch.tanh(x))


class Turned(nn.Module):
    """A convolution of an image that lies on its side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.conv(x.transpose(2, 3)))


def test_height_and_width_swapped_in_a_square() -> None:
    """No shape tells."""
    network = Network()
    features = network.conv(network.input((1, 4, 4, 3)), 3, 2)
    conversion = convert_bytes(network.build([network.function("TANH", features)]))
    ports = Interface.of(conversion).inputs
    report = compare_model(
        conversion,
        load_module(conversion),
        make_samples(ports, 0)[:2],
        module=with_weights(Turned(), conversion),
    )
    assert source(report).span == "forward: transpose → conv"


@pytest.mark.parametrize("turned", [False, True])
def test_outputs_that_change_places(turned: bool) -> None:
    network = Network()
    image = network.input((1, 4, 4, 3))
    features = network.conv(image, 3, 2)
    model = network.build([features, network.function("TANH", features)])
    conversion = convert_bytes(model)
    ports = Interface.of(conversion).inputs
    samples = make_samples(ports, 0)[:2]
    module = with_weights(Ends(turned), conversion)
    report = compare_model(conversion, load_module(conversion), samples, Options(), module)
    failing = [x.identity.kind for x in report.layers if not x.passed]
    assert failing == ["output"] * 2 * turned
    assert report.passed != turned


def test_the_error_is_not_counted_again_below_its_source(
    compare: Compare, layered: Conversion
) -> None:
    module = twin(layered)
    with torch.no_grad():
        transposed(module)
    layers = {layer.name: layer for layer in compare(module).layers}
    below = layers["forward: add"]
    assert below.failures, "it runs on the wrong values of the layer above it"
    assert not below.forced_failures
    assert below.forced is not None
    assert below.forced.error <= below.worst.limit < below.worst.error


def test_what_is_not_compared_without_a_reason_is_a_failure(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_last(*arguments: Any, **more: Any) -> Coverage:
        covered = coverage(*arguments, **more)
        lost = (Uncompared(9, "sum", "ADD", ""), Uncompared(8, "bent", "PRELU", "it is dead"))
        return replace(covered, uncompared=lost)

    monkeypatch.setattr("tflite2torch.parity.layers.compare.coverage", without_last)
    report = compare()
    assert report.failures == ("tensor 9 (ADD) is not compared, for no known reason",)
    assert not report.passed
