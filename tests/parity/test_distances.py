"""Differences are found where they are, and none is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from tflite2torch.parity.distances import (
    PART,
    difference,
    largest_difference,
    magnitude,
    ulp,
    ulps,
)

NAN, INF = float("nan"), float("inf")


def test_the_largest_difference_and_where_it_is() -> None:
    one = np.zeros((2, 3), np.float32)
    other = one.copy()
    other[0, 1], other[1, 2] = 1, -3
    found = difference(one, other)
    assert (found.largest, found.where) == (3, (1, 2))
    assert (found.compared, found.unequal) == (6, None)


@pytest.mark.parametrize(("one", "other"), [(NAN, 1), (1, NAN), (INF, 1), (INF, -INF), (NAN, INF)])
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


@pytest.mark.parametrize("place", [0, PART - 1, PART, 2 * PART + 5])
def test_large_arrays_are_looked_at_in_parts(place: int) -> None:
    one = np.zeros((3, PART), np.float32)
    other = one.copy()
    other.reshape(-1)[7] = 0.5
    other.reshape(-1)[place] = -2
    found = difference(one, other)
    assert found.where == np.unravel_index(place, one.shape)
    assert (found.largest, found.power) == (2, 4.25)
    assert found.mean == 2.5 / one.size
    assert largest_difference(one, other) == 2
    other.reshape(-1)[place + 1] = np.nan
    found = difference(one, other)
    assert found.where == np.unravel_index(place, one.shape)
    assert found.unequal == np.unravel_index(place + 1, one.shape)
    assert (found.largest, found.power, found.compared) == (2, 4.25, one.size - 1)
    assert largest_difference(one, other) == 2


def test_the_sooner_one_tells_what_the_other_does() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.standard_normal((2, 50, 40)).astype(np.float32)
    exactly = difference(one, other).largest
    assert largest_difference(one, other) == pytest.approx(exactly, rel=2**-24)
    integers = np.array([[0], [255]], np.uint8)
    assert largest_difference(*integers) == 255
    assert largest_difference(np.float32([16777216]), np.float64([16777217])) == 1
    with pytest.raises(ValueError, match="shapes"):
        largest_difference(one, other[:1])
    assert largest_difference(np.zeros((0, 3)), np.zeros((0, 3))) == 0


@pytest.mark.parametrize(
    ("size", "dtype", "expected"),
    [
        (1.0, "float16", 2**-10),
        (1.999, "float16", 2**-10),
        (2.0, "float16", 2**-9),
        (0.0, "float16", 2**-24),
        (1e-7, "float16", 2**-24),
        (100.0, "bfloat16", 0.5),
        (0.0, "bfloat16", 2**-133),
        (1.0, "float64", 2**-52),
    ],
)
def test_the_ulp_of_other_types(size: float, dtype: str, expected: float) -> None:
    assert ulp(size, dtype) == expected


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_ulps_are_what_numpy_says(dtype: str) -> None:
    values = np.float32([1, -1.5, 3e-6, 0, 7, -1000.25, 6e4])
    expected = np.spacing(np.abs(values).astype(dtype)).astype(np.float32)
    np.testing.assert_array_equal(ulps(values, dtype), expected)
    assert [ulp(abs(float(v)), dtype) for v in values] == expected.tolist()
