"""The module is called as its users do, and has to give what its operations give."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.layered import Twin, with_weights
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.layers.report import ParityReport

Compare = Callable[..., ParityReport]


def own_forward(module: nn.Module) -> None:
    forward = type(module).forward
    module.forward = lambda x: forward(module, x) * 0  # type: ignore[method-assign]


def hooked(module: nn.Module) -> None:
    module.register_forward_hook(lambda _, __, output: output + 1e-6)


def hooked_before(module: nn.Module) -> None:
    module.register_forward_pre_hook(lambda _, inputs: (inputs[0] * 2,))


def narrowed(module: nn.Module) -> None:
    module.register_forward_hook(lambda _, __, output: output.half())


def shrunk(module: nn.Module) -> None:
    module.register_forward_hook(lambda _, __, output: output[..., :1])


def not_a_number(module: nn.Module) -> None:
    module.register_forward_hook(lambda _, __, output: output * torch.nan)


def twice(module: nn.Module) -> None:
    module.register_forward_hook(lambda _, __, output: (output, output))


def raising(module: nn.Module) -> None:
    def fail(*_: object) -> None:
        raise ValueError("not today")

    module.register_forward_hook(fail)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (own_forward, "the module gives another {} than its operations: 0, not 0."),
        (hooked, "the module gives another {} than its operations: 0."),
        (hooked_before, "the module gives another {} than its operations: 0."),
        (narrowed, "float16 [1, 4, 16, 12], not float32 [1, 4, 16, 12]"),
        (shrunk, "float32 [1, 4, 16, 1], not float32 [1, 4, 16, 12]"),
        (not_a_number, "the module gives another {} than its operations: nan, not 0."),
        (twice, "the module gives 2 outputs where TFLite gives 1"),
        (raising, "the module raises ValueError: not today"),
    ],
)
def test_what_only_a_call_shows(
    compare: Compare,
    layered: Conversion,
    fault: Callable[[nn.Module], None],
    said: str,
) -> None:
    module = load_module(layered)
    fault(module)
    report = compare(module)
    [output] = layered.outputs
    assert not report.passed
    [told] = report.failures
    assert told.startswith("called as users do, ")
    assert said.format(output["identifier"]) in told
    assert told in report.verdict
    assert all(layer.passed for layer in report.layers)


class Called(Twin):
    """It does something else when it is called."""

    def __call__(self, x: Tensor) -> Any:
        return super().__call__(x) * 0.5


class Generous(Twin):
    """It gives more than was asked for."""

    def forward(self, x: Tensor) -> Any:
        result = super().forward(x)
        return result, result


def test_a_subclass_that_overrides_call(compare: Compare, layered: Conversion) -> None:
    report = compare(with_weights(Called(), layered))
    assert not report.passed
    assert "gives another" in report.verdict


def test_a_subclass_that_gives_more(compare: Compare, layered: Conversion) -> None:
    report = compare(with_weights(Generous(), layered))
    assert report.passed, report.verdict
    assert "1 of 2 outputs stand for none of TFLite's" in report.notes


def test_a_forward_that_is_no_function(compare: Compare, layered: Conversion) -> None:
    class Odd(Twin):
        forward = functools.partial(torch.relu)  # type: ignore[assignment]

    report = compare(with_weights(Odd(), layered))
    assert not report.passed
    assert "outputs alone were compared: no value of the module lines up" in str(report.notes)


def test_every_batch_is_called(compare: Compare, layered: Conversion) -> None:
    module = load_module(layered)

    def spoil(_: nn.Module, __: object, output: Tensor) -> Tensor:
        return output * (len(output) != 3)

    module.register_forward_hook(spoil)
    assert compare(module).passed
    assert not compare(module, batch=3).passed
    assert compare(module, batch=2, dtype="bfloat16").failures == ()
