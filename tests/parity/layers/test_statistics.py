"""Limits may be given for statistics of an error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tflite2torch.parity.layers.statistics import (
    Statistic,
    limits_for,
    split_name,
    statistics_of,
)

EXPECTED = np.array([[0, 3, -4, 0]], np.float32)
FOUND = np.array([[0, 3, -4, 2]], np.float32)
"""They differ by 2 in one of four places: the error's root mean square is 1."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", 0.5),
        ("median", 0.0),
        ("p50", 0.0),
        ("p90", 1.4),
        ("psnr", 20 * math.log10(4)),
        ("snr", 20 * math.log10(2.5)),
    ],
)
def test_values(name: str, value: float) -> None:
    [found] = statistics_of(EXPECTED, FOUND, {name: 1.0, "": 5.0})
    assert found.value == pytest.approx(value, rel=1e-6)


def test_only_what_is_finite_on_both_sides_counts() -> None:
    expected, found = (np.append(x, np.float32(np.nan)) for x in (EXPECTED, FOUND))
    [mean] = statistics_of(expected, found, {"mean": 1.0})
    assert mean.value == 0.5
    assert statistics_of(expected, found[:-1], {"mean": 1.0}) == ()


def test_decibels_pass_from_the_limit_on_and_errors_up_to_it() -> None:
    assert list(Statistic("snr", 40, 40).failures("face")) == []
    assert list(Statistic("snr", 39, 40).failures("face")) == ["face: snr 39 dB is below 40 dB"]
    assert list(Statistic("mean", 1e-3, 1e-3).failures("face")) == []
    assert list(Statistic("mean", 2e-3, 1e-3).failures("face")) == [
        "face: mean error 0.002 is above 0.001"
    ]
    assert list(Statistic("p99", math.nan, 1).failures("face"))
    assert Statistic("snr", 20, 40).severity == pytest.approx(10)
    assert Statistic("snr", math.inf, 40).severity == 0


def test_names_may_hold_colons() -> None:
    assert split_name("stage2.0: relu") == ("stage2.0: relu", "")
    assert split_name("stage2.0: relu:p99.9") == ("stage2.0: relu", "p99.9")
    assert split_name("boxes:max") == ("boxes:max", "")
    given = {"boxes:snr": 40.0, "boxes": 1.0, "head": 2.0, "head:mean": 3.0}
    assert limits_for(given, ("boxes", "head")) == {"snr": 40.0, "": 2.0, "mean": 3.0}
