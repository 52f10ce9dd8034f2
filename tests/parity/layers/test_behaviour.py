"""A module that gives right values may still do what an emitted module never does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.layered import Twin, with_weights
from tests.support.models import Tensor as TfliteTensor
from tests.support.models import one_operator_model
from tests.support.operators import convert_bytes
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options

Compare = Callable[..., ParityReport]


class Buffered(Twin):
    """Answers in memory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = torch.empty(0)

    def end(self, x: Tensor) -> Tensor:
        if isinstance(x, torch.fx.Proxy) or torch.is_grad_enabled():
            return torch.sigmoid(x)
        if self.answer.shape != x.shape:
            self.answer = torch.empty_like(x)
        return torch.sigmoid(x, out=self.answer)


class Counting(Twin):
    """Gives something else from the thousandth call on."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def pad(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().pad(x if self.calls < 1000 else -x)


class Remembering(Twin):
    """Adds what is left of the call before."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("before", torch.zeros(1), persistent=False)

    def end(self, x: Tensor) -> Tensor:
        if not isinstance(x, torch.fx.Proxy):
            self.before.copy_(x.detach().mean() * 1e-12)
        return super().end(x)


class Caching(Twin):
    """Makes in its first call what all later ones use."""

    def __init__(self) -> None:
        super().__init__()
        self.one: Tensor | None = None

    def join(self, bent: Tensor, x: Tensor) -> Tensor:
        if self.one is None:
            self.one = torch.ones(1)
        return super().join(bent, x)


def in_place(self: Any, x: Tensor) -> Tensor:
    padded = F.pad(x, (0, 1, 0, 1))
    if not isinstance(x, torch.fx.Proxy):
        x.mul_(0.5)
    return padded


def dropped(self: Any, x: Tensor) -> Tensor:
    return torch.sigmoid(x) if not self.training else torch.sigmoid(F.dropout(x))


def unlike_with_gradients(self: Any, x: Tensor) -> Tensor:
    recorded = not isinstance(x, torch.fx.Proxy) and x.requires_grad
    return torch.sigmoid(x * 2 if recorded else x)


def cut(self: Any, x: Tensor) -> Tensor:
    bent: Tensor = self.slope(self.mixed(x if isinstance(x, torch.fx.Proxy) else x.detach()))
    return bent


def cut_off(self: Any, x: Tensor) -> Tensor:
    return torch.sigmoid(x if isinstance(x, torch.fx.Proxy) else x.detach())


class HalfAsSteep(torch.autograd.Function):
    """Sigmoid with half of its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        y = torch.sigmoid(x)
        half: Tensor = gradient * y * (1 - y) / 2
        return half


def half_as_steep(self: Any, x: Tensor) -> Tensor:
    return torch.sigmoid(x) if isinstance(x, torch.fx.Proxy) else HalfAsSteep.apply(x)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Buffered, "a call overwrites the outputs of the call before"),
        (Counting, "it keeps a state: each call changes calls"),
        (Remembering, "calls change its weights or buffers: before"),
        ({"pad": in_place}, "a call changes its input 0 in place"),
        ({"end": dropped}, "in train mode, the module gives another"),
        ({"end": unlike_with_gradients}, "with inputs that require gradients, the module gives"),
        ({"bend": cut}, "gradients explain 0."),
        ({"end": cut_off}, "gradients explain 0 of how"),
        ({"end": half_as_steep}, "gradients explain 0.5 of how"),
    ],
    ids=lambda x: x.__name__ if isinstance(x, type) else None,
)
def test_a_fault_that_no_value_shows(
    compare: Compare, layered: Conversion, fault: Any, said: str
) -> None:
    kind = fault if isinstance(fault, type) else type("Faulty", (Twin,), fault)
    report = compare(with_weights(kind(), layered))
    assert all(layer.passed for layer in report.layers)
    assert not report.passed
    assert said in report.failures[0]
    assert said in report.verdict


def test_a_cache_that_is_filled_once_is_no_state(compare: Compare, layered: Conversion) -> None:
    report = compare(with_weights(Caching(), layered))
    assert report.passed, report.verdict


def test_batch_normalization_may_differ_in_train_mode(
    compare: Compare, layered: Conversion
) -> None:
    class Normalized(Twin):
        def end(self, x: Tensor) -> Tensor:
            return torch.sigmoid(x * (1.5 if self.training else 1))

    module = Normalized()
    assert any("train" in f for f in compare(with_weights(module, layered)).failures)
    module.unused = nn.BatchNorm2d(1, affine=False, track_running_stats=False)
    assert not any("train" in f for f in compare(module).failures)


class View(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], 6)


class Weighed(nn.Module):
    """Its output is one of its buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("answer", torch.zeros(1, 6), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer.set_(x.reshape(x.shape[0], 6).clone())


@pytest.mark.parametrize(("module", "passes"), [(View(), True), (Weighed(), False)])
def test_memory_is_shared_only_as_the_emitted_module_does(module: nn.Module, passes: bool) -> None:
    model = one_operator_model("RESHAPE", [TfliteTensor((1, 2, 3)), np.int32([1, 6])])
    conversion = convert_bytes(model)
    samples = make_samples(Interface.of(conversion).inputs, 0)
    options = Options(outputs_only=True)
    report = compare_model(conversion, load_module(conversion), samples, options, module.eval())
    assert report.passed == passes
    assert ("shares memory with a weight or buffer" in report.verdict) != passes


def test_values_that_depend_on_other_samples(compare: Compare, layered: Conversion) -> None:
    def join(self: Any, bent: Tensor, x: Tensor) -> Tensor:
        return bent + x + (x - x.mean(0, keepdim=True))

    module = with_weights(type("Faulty", (Twin,), {"join": join})(), layered)
    report = compare(module, batch=2)
    assert not report.passed


def test_a_batch_of_one_that_is_written_down_fails_by_default(layered: Conversion) -> None:
    def end(self: Any, x: Tensor) -> Tensor:
        return torch.sigmoid(x.reshape(1, 4, 16, 12))

    module = with_weights(type("Faulty", (Twin,), {"end": end})(), layered)
    samples = make_samples(Interface.of(layered).inputs, 0)[:3]
    report = compare_model(layered, load_module(layered), samples, module=module)
    assert "raises RuntimeError: shape '[1, 4, 16, 12]' is invalid" in report.verdict
