"""What no input of a network shows: layers by themselves, and weights that meet zeros only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from tests.support.layered import Twin, with_weights
from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import OTHER_KEYS, ParityReport
from tflite2torch.parity.options import Options

Compare = Callable[..., ParityReport]

CHANNELS, DEAD = 4, 2


@pytest.fixture(scope="module")
def half_dead() -> Conversion:
    """A network with a channel that is 0 whatever its input is, and a convolution after it."""
    network = Network()
    image = network.input((1, 6, 6, 3))
    kernels, bias = weights(CHANNELS, 3, 3, 3), weights(CHANNELS)
    kernels[DEAD], bias[DEAD] = 0, -1
    options = schema.Conv2DOptionsT(
        strideH=1, strideW=1, fusedActivationFunction=schema.ActivationFunctionType.RELU
    )
    [features] = network.operator("CONV_2D", [image, kernels, bias], options=options)
    return convert_bytes(network.build([network.conv(features, CHANNELS, 5)]))


def compared(conversion: Conversion, module: nn.Module, **options: object) -> ParityReport:
    samples = make_samples(Interface.of(conversion).inputs, 0)
    chosen = Options(**options)  # type: ignore[arg-type]
    return compare_model(conversion, load_module(conversion), samples, chosen, module)


def last_weight(module: nn.Module) -> tuple[str, Tensor]:
    return [x for x in module.named_parameters() if x[0].endswith("weight")][-1]


def test_the_number_of_weights_that_nothing_exercised(half_dead: Conversion) -> None:
    report = compared(half_dead, load_module(half_dead))
    assert report.passed, report.verdict
    key, _ = last_weight(load_module(half_dead))
    total = half_dead.parameters
    assert report.weights == (total - 9 * 5, total)
    assert [(x.key, x.total - x.exercised) for x in report.unexercised] == [(key, 9 * 5)]
    assert report.verdict.endswith(f"; {total - 45} of {total} weights exercised")
    assert all(constant.verdict == "equal" for constant in report.constants)
    assert len(report.constants) == 4
    isolated = [x.isolated for x in report.layers if x.isolated is not None]
    assert len(isolated) == 2
    assert all(0 < x.error <= x.limit for x in isolated)


def test_a_weight_that_nothing_exercised_fails(half_dead: Conversion) -> None:
    module = load_module(half_dead)
    key, weight = last_weight(module)
    with torch.no_grad():
        weight[:, DEAD] *= 3
    report = compared(half_dead, module)
    assert not report.passed
    [failure] = report.failures
    assert failure.startswith(f"{key} differs from the file's in 45 of {weight.numel()} numbers")
    assert "nothing exercised 45 of these" in failure
    [source] = [layer for layer in report.layers if layer.name in report.sources]
    assert source.name == key.removesuffix(".weight")
    assert not source.failures, "on all samples it is right"
    assert not source.forced_failures
    assert "by itself on random numbers" in source.isolated_failures[0]
    assert failure in report.verdict
    assert source.isolated_failures[0] in report.verdict
    assert report.worst_first[0] is source


def test_what_is_exercised_and_differs_is_judged_by_values(half_dead: Conversion) -> None:
    module = load_module(half_dead)
    key, weight = last_weight(module)
    with torch.no_grad():
        weight[0, 0, 0, 0] = torch.nextafter(weight[0, 0, 0, 0], torch.tensor(9.0))
    report = compared(half_dead, module)
    assert report.passed, report.verdict
    [constant] = [x for x in report.constants if x.verdict == "different"]
    assert (constant.key, constant.different, constant.unexercised) == (key, 1, 0)


def test_a_module_with_other_keys_is_told_of_and_run_by_itself(
    compare: Compare, layered: Conversion
) -> None:
    report = compare(with_weights(Twin(), layered))
    assert report.passed, report.verdict
    assert report.notes == (OTHER_KEYS,)
    assert report.constants == ()
    assert {x.name for x in report.layers if x.isolated} == {"stem: relu", "mixed", "slope", "head"}


@pytest.mark.parametrize(
    ("layer", "fault", "blamed"),
    [
        ("head", lambda y: y.clamp(max=60), "head"),
        ("stem", lambda y: y.clamp(min=-50), "stem: relu"),
        ("slope", lambda y: torch.where(y > 20, y * 1.001, y), "slope"),
    ],
    ids=["clamped at 60", "clamped far below 0", "a kink above 20"],
)
def test_a_wrapped_layer_that_differs_on_large_numbers_alone(
    compare: Compare,
    layered: Conversion,
    layer: str,
    fault: Callable[[Tensor], Tensor],
    blamed: str,
) -> None:
    module = with_weights(Twin(), layered)
    module.get_submodule(layer).register_forward_hook(lambda _, __, y: fault(y))
    report = compare(module)
    assert not report.passed
    assert report.sources == (blamed,)
    [source] = [x for x in report.layers if x.name == blamed]
    assert not source.failures, "the samples do not show it"
    assert source.isolated_failures


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_types_round_more(half_dead: Conversion, dtype: str) -> None:
    wide, narrow = (
        max(
            x.isolated.limit
            for x in compared(half_dead, load_module(half_dead), dtype=name).layers
            if x.isolated is not None and not x.isolated_failures
        )
        for name in ("float32", dtype)
    )
    assert narrow > 1000 * wide


def test_the_seed_decides(half_dead: Conversion) -> None:
    errors = [
        [x.isolated.error for x in report.layers if x.isolated is not None]
        for report in (compared(half_dead, load_module(half_dead), seed=seed) for seed in (0, 0, 1))
    ]
    assert errors[0] == errors[1] != errors[2]
    assert np.all(np.array(errors) > 0)
