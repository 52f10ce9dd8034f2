"""What kind of number stands in a place, and what each use gives for an argument."""

from __future__ import annotations

import pytest

from tests.support.nodes import block, conv, image
from tflite2torch.converter.planning.constructor import (
    CHANNELS,
    Constructor,
    Slot,
    role_of,
)


@pytest.mark.parametrize(
    ("argument", "role"),
    [
        ("stride", "stride"),
        ("stride2", "stride"),
        ("in_channels12", "in_channels"),
        ("hidden2", "hidden"),
    ],
)
def test_an_argument_s_number_is_no_part_of_its_role(argument: str, role: str) -> None:
    assert role_of(argument) == role
    assert Slot((0,), argument).role == role


@pytest.mark.parametrize(
    ("path", "role"),
    [((), "padding"), ((0,), "padding"), ((3,), "padding"), ((5,), "new_channels")],
)
def test_the_last_padding_of_an_image_counts_channels(path: tuple[int, ...], role: str) -> None:
    """F.pad begins with the last axis: left, right, top, bottom, then channels."""
    assert Slot((0,), "padding", path).role == role


def test_what_counts_channels() -> None:
    assert {"groups", "num_parameters", "out_features", "hidden"} <= CHANNELS
    assert CHANNELS.isdisjoint({"stride", "kernel_size", "padding", "new_channels"})


def test_uses_are_told_by_what_they_are_not_by_what_they_hold() -> None:
    x = image()
    one, other = block([conv(x, 8)]), block([conv(x, 8)])
    found = Constructor([one, other], {"stride": (1, 2), "channels": (4, 8)})
    assert found.values_of(one) == {"stride": 1, "channels": 4}
    assert found.values_of(other) == {"stride": 2, "channels": 8}
