"""What a port's tensors are made of is told by their values, whatever the order of axes is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tflite2torch.transfer.by_value import Found, agreement, match_values

State = dict[str, Tensor]


@pytest.fixture
def state() -> State:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return {
        "stem.weight": draw(8, 4, 3, 3),
        "stem.bias": torch.zeros(8),
        "slope.weight": torch.full((8,), 0.25),
        "head.weight": draw(16, 2 * 3 * 8),  # on a map of height 2, width 3, 8 channels
        "head.bias": draw(16),
        "last.weight": draw(8, 16),
        "last.bias": torch.zeros(8),
        "dead.weight": torch.zeros(5, 4, 3, 3),
    }


def made(found: Found, state: State) -> State:
    return {key: entry.made_of(state[entry.key]) for key, entry in found.entries.items()}


def other(state: State) -> State:
    """Return other weights of the same shapes, all of them different."""
    start, found = 0, {}
    for key, x in state.items():
        found[key] = torch.arange(start, start + x.numel(), dtype=torch.float32).reshape(x.shape)
        start += x.numel()
    return found


def styled(state: State) -> State:
    """Return the weights as Keras has them, dense columns in the order (C, H, W) of Caffe."""
    columns = state["head.weight"].reshape(16, 2, 3, 8).permute(0, 3, 1, 2).reshape(16, -1)
    return {
        "conv/kernel": state["stem.weight"].permute(2, 3, 1, 0),
        "conv/bias": state["stem.bias"],
        "prelu/alpha": state["slope.weight"].reshape(1, 1, 8),
        "dead/kernel": state["dead.weight"].permute(2, 3, 1, 0),
        "dense/kernel": columns.t(),
        "dense/bias": state["head.bias"],
        "out/kernel": state["last.weight"].t(),
        "out/bias": state["last.bias"],
    }


def test_axes_columns_and_ties(state: State) -> None:
    port = styled(state)
    found = match_values(port, state)
    assert (found.strangers, found.ties, found.unused) == ((), {}, ())
    # Both biases are zeros: the layers beside them tell which is which.
    assert set(found.settled) == {"conv/bias", "out/bias"}
    new = other(state)
    expected = styled(new)
    for key, x in made(found, new).items():
        assert torch.equal(x, expected[key]), key
    assert list(found.entries) == list(port)


def test_half_precision(state: State) -> None:
    port = {key: x.half() for key, x in styled(state).items()}
    found = match_values(port, state)
    assert (found.strangers, found.ties) == ((), {})
    for key, x in made(found, state).items():
        assert torch.equal(x, port[key]), key


def test_what_cannot_be_told_apart_stays_open(state: State) -> None:
    port = {key.replace("/", "_of_"): x for key, x in styled(state).items()}
    port["first"], port["second"] = port.pop("out_of_bias"), port.pop("conv_of_bias")
    found = match_values(port, state)
    assert set(found.ties) == {"first", "second"}
    assert set(found.ties["first"]) == {"stem.bias", "last.bias"}


def test_order_tells_where_names_do_not(state: State) -> None:
    names = "abcdefgh"
    port = dict(zip(names, state.values(), strict=True))
    found = match_values(port, state)
    assert [found.entries[name].key for name in names] == list(state)


def test_strangers_and_unused_constants(state: State) -> None:
    port = styled(state)
    port["conv/kernel"] = port["conv/kernel"] + 1e-6
    port["anchors"] = torch.arange(10.0)
    found = match_values(port, state)
    assert set(found.strangers) == {"conv/kernel", "anchors"}
    assert found.unused == ("stem.weight",)
    assert agreement(port, state) == len(port) - 2
    assert agreement(port, other(state)) == 0
    np.testing.assert_array_equal(made(found, state)["dense/kernel"], port["dense/kernel"])
