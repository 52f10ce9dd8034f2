"""Every planted fault fails, and the layer it was planted in is the one that is blamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from converter.convert import Conversion
from converter.files import manifest_entry
from parity.interface import Interface
from parity.layers.check import Options, compare_layers
from parity.layers.report import LayerReport, ParityReport
from parity.samples import varied_samples
from tests.support.networks import Network
from tests.support.operators import convert_bytes
from tflite2torch.loading import load_module

Compare = Callable[..., ParityReport]


def edited(conversion: Conversion, old: str, new: str) -> nn.Module:
    """Return the module whose source has ``new`` in the one place of ``old``."""
    assert conversion.source.count(old) == 1
    return load_module(replace(conversion, source=conversion.source.replace(old, new)))


def source(report: ParityReport) -> LayerReport:
    """Return the layer that is blamed; the module must have failed."""
    assert not report.passed
    assert report.verdict.startswith("failed: ")
    [layer] = [layer for layer in report.layers if layer.name == report.sources[0]]
    assert not layer.passed
    return layer


def test_the_module_as_emitted_passes(compare: Compare) -> None:
    report = compare()
    assert report.passed, report.verdict
    assert report.sources == report.failures == ()
    assert report.verdict == "passed: 8 values on 3 inputs"
    assert report.kernels == ("reference", "builtin", "xnnpack")
    assert all(0 <= layer.error <= layer.limit < 1e-4 for layer in report.layers)
    assert any(layer.floor > 0 for layer in report.layers)


@pytest.mark.parametrize(
    ("old", "new", "blamed", "step"),
    [
        ("(0, 1, 0, 1)", '(0, 1, 0, 1), mode="reflect"', "forward: relu", "pad"),
        ("(0, 1, 0, 1)", "(1, 1, 1, 1)", "forward: relu", "pad"),
        ("(16, 12), mode", "(12, 16), mode", "forward: interpolate", ""),
        ('"bilinear"', '"bilinear", align_corners=True', "forward: interpolate", ""),
        (" + x", " + 0.999 * x", "forward: add", "mul"),
        ("torch.sigmoid(x)", "torch.tanh(x)", "output conv_2_d_14", "tanh"),
    ],
    ids="reflected symmetric swapped aligned scaled activation".split(),
)
def test_a_fault_in_the_source(
    compare: Compare, layered: Conversion, old: str, new: str, blamed: str, step: str
) -> None:
    report = compare(edited(layered, old, new))
    layer = source(report)
    assert layer.name == blamed
    assert report.sources[0] == blamed
    assert step in " ".join(layer.steps)
    assert layer.span in report.verdict
    before = [x for x in report.layers if x.name in layer.inputs]
    assert all(x.passed for x in before), "the error arises here"


def transposed(module: nn.Module) -> None:
    weight = module.get_parameter("conv_2_d_6.weight")
    weight.copy_(weight.transpose(0, 1).clone())


def off(module: nn.Module) -> None:
    module.get_parameter("conv_2_d_14.bias")[2] += 1e-3


def not_a_number(module: nn.Module) -> None:
    module.get_parameter("conv_2_d_6.bias")[1] = torch.nan


def one_slope(module: nn.Module) -> None:
    module.get_parameter("constant_7.weight")[5] *= 1.001


@pytest.mark.parametrize(
    ("fault", "blamed", "said"),
    [
        (transposed, "conv_2_d_6", "error "),
        (off, "conv_2_d_14", "at [2, "),
        (not_a_number, "conv_2_d_6", "nan, not "),
        (one_slope, "constant_7", "at [5, "),
    ],
)
def test_a_fault_in_the_weights(
    compare: Compare,
    layered: Conversion,
    fault: Callable[[nn.Module], None],
    blamed: str,
    said: str,
) -> None:
    module = load_module(layered)
    with torch.no_grad():
        fault(module)
    report = compare(module)
    assert source(report).name == blamed
    assert said in source(report).failures[0]
    assert report.sources == (blamed,)


def test_a_slope_along_the_wrong_axis(compare: Compare, layered: Conversion) -> None:
    old = "self.constant_7(self.conv_2_d_6(x))"
    new = "self.constant_7(self.conv_2_d_6(x).transpose(1, 2)).transpose(1, 2)"
    report = compare(edited(layered, old, new))
    assert source(report).name == "constant_7"
    assert "8, 8, 6" not in report.verdict, "the shape is right: 8 rows, 8 channels"
    assert set(report.failures) == {
        "forward: transpose is not in the conversion",
        "forward: transpose #2 is not in the conversion",
    }


@pytest.mark.parametrize(
    ("old", "new", "missing", "blamed"),
    [
        (
            "self.constant_7(self.conv_2_d_6(x))",
            "self.conv_2_d_6(x)",
            "constant_7 is missing",
            "forward: add",
        ),
        (
            "F.relu(self.conv_2_d_3(x))",
            "self.conv_2_d_3(x)",
            "forward: relu is missing",
            "conv_2_d_6",
        ),
        (
            "torch.sigmoid(x)",
            "x",
            "forward: sigmoid is missing",
            "output conv_2_d_14",
        ),
    ],
    ids="layer activation last".split(),
)
def test_what_is_left_out_is_named_and_what_lacks_it_is_blamed(
    compare: Compare,
    layered: Conversion,
    old: str,
    new: str,
    missing: str,
    blamed: str,
) -> None:
    report = compare(edited(layered, old, new))
    assert report.failures == (missing,)
    assert source(report).name == blamed
    assert missing in report.verdict
    assert blamed in report.verdict


def test_one_wrong_value_in_one_sample_of_a_batch(
    compare: Compare, layered: Conversion
) -> None:
    module = load_module(layered)

    def spoil(_: nn.Module, __: object, output: Tensor) -> Tensor:
        if len(output) == 3:
            output[1, 2, 3, 4] += 1e-3
        return output

    module.get_submodule("conv_2_d_6").register_forward_hook(spoil)
    assert compare(module).passed
    layer = source(compare(module, batch=3))
    assert layer.name == "conv_2_d_6"
    assert layer.where == (2, 3, 4)
    assert layer.sample == "normal, sample 1 of a batch of 3"
    assert layer.error == pytest.approx(1e-3, rel=0.01)


def test_a_batch_that_shrinks(compare: Compare, layered: Conversion) -> None:
    module = load_module(layered)
    module.get_submodule("conv_2_d_6").register_forward_hook(lambda _, __, x: x[:1])
    assert compare(module).passed
    layer = source(compare(module, batch=3))
    assert layer.name == "conv_2_d_6"
    assert "shape [1, 8, 8, 6], not [8, 8, 6]" in layer.failures[0]


def test_a_layer_that_raises_is_named(compare: Compare, layered: Conversion) -> None:
    report = compare(edited(layered, "(0, 1, 0, 1)", "(0, 1, 0, 1, 0, 1)"))
    assert not report.passed
    assert report.sources == ("conv_2_d_3",)
    assert "conv_2_d_3 raises RuntimeError" in report.verdict


def test_a_module_that_cannot_be_traced_fails(
    compare: Compare, layered: Conversion
) -> None:
    new = "x = F.relu(self.conv_2_d_3(x if x.sum() > 0 else -x))"
    report = compare(edited(layered, "x = F.relu(self.conv_2_d_3(x))", new))
    assert not report.passed
    assert report.layers == ()
    assert "torch.fx cannot trace the module" in report.verdict


def test_no_input_is_a_failure(compare: Compare) -> None:
    report = compare(samples=[])
    assert not report.passed
    assert "there is no input" in report.verdict


def test_outputs_that_change_places() -> None:
    network = Network()
    image = network.input((1, 4, 4, 3))
    features = network.conv(image, 3, 2)
    model = network.build([features, network.function("TANH", features)])
    conversion = convert_bytes(model)
    ports = Interface.from_manifest(manifest_entry(conversion)).inputs
    returned = conversion.source.rstrip().rpartition("return ")[2]
    first, _, second = returned.partition(", ")
    module = edited(conversion, f"return {returned}", f"return {second}, {first}")
    samples = varied_samples(ports, 0)[:2]
    report = compare_layers(
        conversion, load_module(conversion), samples, Options(), module
    )
    assert source(report).kind == "output"
    assert [layer.kind for layer in report.layers if not layer.passed] == ["output"] * 2


def test_the_error_is_not_counted_again_below_its_source(
    compare: Compare, layered: Conversion
) -> None:
    module = load_module(layered)
    with torch.no_grad():
        transposed(module)
    layers = {layer.name: layer for layer in compare(module).layers}
    below = layers["forward: add"]
    assert below.failures, "it runs on the wrong values of the layer above it"
    assert not below.forced_failures
    assert below.forced_error is not None
    assert below.forced_error <= below.limit < below.error
