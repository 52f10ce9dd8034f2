"""Differences are found where they are, and none is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from parity.measure import difference, magnitude, ulp

NAN, INF = float("nan"), float("inf")


def test_the_largest_difference_and_where_it_is() -> None:
    one = np.zeros((2, 3), np.float32)
    other = one.copy()
    other[0, 1], other[1, 2] = 1, -3
    found = difference(one, other)
    assert (found.largest, found.where) == (3, (1, 2))
    assert (found.compared, found.unequal) == (6, None)


@pytest.mark.parametrize(
    ("one", "other"), [(NAN, 1), (1, NAN), (INF, 1), (INF, -INF), (NAN, INF)]
)
def test_what_is_not_finite_on_one_side_is_unequal(one: float, other: float) -> None:
    found = difference(np.float32([0, 5, one]), np.float32([0, 3, other]))
    assert found.unequal == (2,)
    assert (found.largest, found.compared) == (2, 2)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_what_is_not_finite_on_both_sides_counts_as_not_compared(value: float) -> None:
    found = difference(np.float32([value]), np.float32([value]))
    assert (found.unequal, found.compared, found.largest) == (None, 0, 0)


def test_small_unsigned_numbers_do_not_wrap_around() -> None:
    assert difference(np.uint8([1]), np.uint8([3])).largest == 2


def test_a_float32_difference_is_not_rounded_away() -> None:
    one, other = np.float32([16777216]), np.float64([16777217])
    assert difference(one, other).largest == 1


def test_nothing_is_broadcast_or_reshaped() -> None:
    with pytest.raises(ValueError, match="shapes"):
        difference(np.zeros((1, 3)), np.zeros(3))
    with pytest.raises(ValueError, match="shapes"):
        difference(np.zeros((2, 3)), np.zeros((1, 3)))


def test_empty_arrays_compare_nothing() -> None:
    assert difference(np.zeros((0, 3)), np.zeros((0, 3))).compared == 0


def test_magnitude_and_ulp() -> None:
    assert magnitude(np.float32([1, -4, NAN, INF])) == 4
    assert magnitude(np.float32([NAN])) == 0
    assert magnitude(np.int8([-128])) == 128
    assert ulp(1.0) == 2**-23
    assert ulp(100.0) == 2**-17
    assert 0 < ulp(0.0) < 1e-44
    assert np.isfinite(ulp(1e300))
