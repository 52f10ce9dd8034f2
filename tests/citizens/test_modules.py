"""What one does to any module may be done to these: copy, move, cast, train, batch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.citizens.official import SAMPLES, Official, assert_identical, run


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_lower_precision(official: Official, dtype: torch.dtype) -> None:
    module = copy.deepcopy(official.module).to(dtype)
    inputs = [values.to(dtype) for values in official.batch(SAMPLES)]
    official.assert_near(run(module, inputs), dtype)


def test_channels_last(official: Official) -> None:
    layout = torch.channels_last
    module = copy.deepcopy(official.module).to(memory_format=layout)
    inputs = [
        values.to(memory_format=layout) if values.ndim == 4 else values
        for values in official.batch(SAMPLES)
    ]
    official.assert_near(run(module, inputs))


def test_a_copy_computes_the_same_and_shares_nothing(official: Official) -> None:
    module = copy.deepcopy(official.module)
    inputs, expected = official.batch(SAMPLES), outputs(official)
    assert_identical(run(module, inputs), expected)
    for tensor in module.state_dict().values():
        tensor.zero_()
    assert_identical(run(official.module, inputs), expected)


def test_training_mode_changes_nothing(official: Official) -> None:
    module = copy.deepcopy(official.module).train()
    inputs, expected = official.batch(SAMPLES), outputs(official)
    assert_identical(run(module, inputs), expected)
    assert_identical(run(module.eval(), inputs), expected)


def test_gradients_reach_the_input_and_every_weight(official: Official) -> None:
    module = copy.deepcopy(official.module)
    inputs = [values.requires_grad_() for values in official.batch(1)]
    results = module(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    torch.stack([result.sum() for result in results]).sum().backward()
    for name, leaf in [("the input", inputs[0]), *module.named_parameters()]:
        assert leaf.grad is not None, f"no gradient reaches {name}"
        assert leaf.grad.isfinite().all(), f"{name}'s gradient is not finite"
        assert leaf.grad.any(), f"{name}'s gradient is zero"


def test_a_sample_does_not_depend_on_its_neighbours(official: Official) -> None:
    inputs = official.batch(5)
    before = run(official.module, inputs)
    official.assert_near([output[:SAMPLES] for output in before])
    for values in inputs:
        values[2] = values[2].flip(-1) / 2
    after = run(official.module, inputs)
    rest = [0, 1, 3, 4]
    assert_identical([a[rest] for a in after], [b[rest] for b in before])
    assert not all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_everything_moves_to_another_device(official: Official) -> None:
    module = copy.deepcopy(official.module).to("meta")
    inputs = [values.to("meta") for values in official.batch(SAMPLES)]
    with OnDevice("meta"):
        results = run(module, inputs)
    shapes = [result.shape for result in results]
    assert shapes == [result.shape for result in official.exact]


class LeftBehind(nn.Module):
    """Has a constant that is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = torch.ones(3)

    def forward(self, x: Tensor) -> Tensor:
        return x.index_select(1, self.constant.long())


class MadeElsewhere(nn.Module):
    """Makes a constant without saying where."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tensor(2.0)


@pytest.mark.parametrize("faulty", [LeftBehind, MadeElsewhere])
def test_a_constant_on_another_device_is_seen(faulty: type[nn.Module]) -> None:
    module = faulty().to("meta")
    with OnDevice("meta"), pytest.raises(AssertionError, match="is on cpu"):
        module(torch.ones(1, 3, device="meta"))


class OnDevice(TorchDispatchMode):
    """Asserts that every tensor of every operation is on one device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, result)):
            if isinstance(leaf, Tensor):
                assert leaf.device.type == self.device, f"{func} is on {leaf.device}"
        return result


def outputs(official: Official) -> list[Tensor]:
    """Return what the untouched module gives for all samples."""
    return run(official.module, official.batch(SAMPLES))
