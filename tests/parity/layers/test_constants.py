"""Constants are compared with the file's, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tflite2torch.converter.graph.value import Array, Value
from tflite2torch.parity.layers.constants import (
    DIFFERENT,
    EQUAL,
    HALF,
    Constant,
    compare_constants,
)

NUMBERS = np.array([[1, -0.1, 3], [0.3, 5, 6]], np.float32)


def value(data: Array, dtype: str = "float32") -> Value:
    return Value("constant", data.shape, dtype, None, data)


def compared(ours: Array, file: Array = NUMBERS, exercised: Array | None = None) -> Constant:
    masks = {} if exercised is None else {"key": exercised}
    [found] = compare_constants({"key": value(file, ours.dtype.name)}, {"key": ours}, masks)
    return found


def changed(place: tuple[int, int], number: float) -> Array:
    array = NUMBERS.copy()
    array[place] = number
    return array


def test_equal_constants() -> None:
    assert compared(NUMBERS.copy()) == Constant("key", 6, EQUAL)
    nan = np.array([math.nan, 1], np.float32)
    assert compared(nan.copy(), nan).verdict == EQUAL
    half = NUMBERS.astype(np.float16)
    assert compared(half.astype(np.float32), half).verdict == EQUAL, "the file stores half"


def test_one_ulp_is_a_difference() -> None:
    found = compared(changed((1, 0), np.nextafter(np.float32(0.3), np.float32(1))))
    assert (found.verdict, found.different, found.where) == (DIFFERENT, 1, (1, 0))
    assert found.largest == pytest.approx(2**-25)
    assert compared(np.float32([-0.0]), np.float32([0.0])).verdict == DIFFERENT


def test_the_largest_difference_is_told() -> None:
    array = changed((0, 1), -0.2)
    array[1, 2] = 9
    found = compared(array)
    assert (found.different, found.where, found.largest) == (2, (1, 2), 3)
    assert compared(changed((0, 2), math.nan)).largest == math.inf
    assert compared(changed((0, 2), math.nan)).where == (0, 2)


def test_half_precision_on_either_side() -> None:
    half = NUMBERS.astype(np.float16).astype(np.float32)
    for ours, theirs in ((half, NUMBERS), (NUMBERS, half)):
        found = compared(ours, theirs)
        assert (found.verdict, found.different) == (HALF, 2)
        assert list(found.failures()) == []
    half[0, 0] += 1
    assert compared(half).verdict == DIFFERENT


def test_a_difference_fails_by_itself_where_nothing_exercised_it() -> None:
    ours = changed((1, 1), 15)
    seen = np.ones_like(NUMBERS, bool)
    assert list(compared(ours, exercised=seen).failures()) == []
    seen[0, 0] = False
    assert list(compared(ours, exercised=seen).failures()) == [], "that one is equal"
    seen[1, 1] = False
    assert list(compared(ours, exercised=seen).failures()) == [
        "key differs from the file's in 1 of 6 numbers, by 10 at [1, 1]; nothing exercised 1 of "
        "these, so that no output tells"
    ]


def test_indices_are_compared_and_count_as_exercised() -> None:
    places = np.array([3, 4], np.int64)
    assert compared(places.copy(), places).verdict == EQUAL
    found = compared(np.array([3, 5], np.int64), places)
    assert (found.verdict, found.unexercised) == (DIFFERENT, 0)


def test_keys_and_shapes_have_to_be_the_same() -> None:
    file = {"a": value(NUMBERS), "b": value(NUMBERS)}
    own = {"b": NUMBERS.T.copy(), "c": NUMBERS}
    failures = [line for x in compare_constants(file, own, {}) for line in x.failures()]
    assert failures == [
        "a of the file is missing in the module",
        "b is float32 [3, 2], not float32 [2, 3]",
        "c is not in the file",
    ]
