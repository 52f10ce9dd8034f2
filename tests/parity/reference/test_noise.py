"""The floor is what TFLite's own answers differ by, no less and no more."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tflite2torch.parity.reference.interpreter import KERNELS, Kernels, Reference
from tflite2torch.parity.reference.noise import (
    FIRST_DRAWS,
    HOPELESS,
    MAX_DRAWS,
    Noise,
    nudge,
)

Array = npt.NDArray[Any]


class Scripted:
    """A reference of one output, tensor 3, whose answers are given in advance."""

    def __init__(self, *answers: float | list[float]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def stream(self, inputs: Sequence[Array]) -> Iterator[tuple[int, Array]]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        array = np.atleast_1d(np.float32(answer))
        yield 3, array
        array[:] = 99  # as the next answer would


def measured(
    reference: Scripted,
    builtin: Scripted,
    xnnpack: Scripted,
    outputs: Sequence[int] = (),
) -> Noise:
    scripted = dict(zip(KERNELS, (reference, builtin, xnnpack), strict=True))
    references = cast("dict[Kernels, Reference]", scripted)
    return Noise(references, [np.float32([1])], np.random.default_rng(0), outputs)


def test_any_two_kernel_sets_raise_the_floor() -> None:
    for answers in itertools.permutations([0, 1, -2]):
        assert measured(*map(Scripted, answers)).floor == {3: 3}


def test_the_answers_that_are_wanted_are_kept() -> None:
    noise = measured(Scripted(0), Scripted(1), Scripted(-2))
    assert noise.answers == {"reference": {3: [0]}, "xnnpack": {}}
    assert noise.answer is noise.answers["reference"]
    noise = measured(Scripted(5), Scripted(1), Scripted(-2), outputs=[3])
    assert noise.answers == {"reference": {3: [5]}, "xnnpack": {3: [-2]}}


def test_nudges_of_the_reference_kernels_raise_the_floor() -> None:
    reference, builtin = Scripted(0, *[-4] * FIRST_DRAWS), Scripted(0.5)
    assert measured(reference, builtin, Scripted(0)).floor == {3: 4}
    assert (reference.asked, builtin.asked) == (1 + FIRST_DRAWS, 1)


def test_the_largest_element_counts() -> None:
    noise = measured(Scripted([0, 0, 0]), Scripted([0.5, 2, 1]), Scripted([0, 0, 0]))
    assert noise.floor == {3: 2}


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_what_is_not_finite_does_not_raise_the_floor(odd: float) -> None:
    noise = measured(Scripted([0, 0]), Scripted([odd, 0.5]), Scripted([0, odd]))
    assert noise.floor == {3: 0.5}


def test_draws_are_taken_until_the_floor_is_high_enough() -> None:
    reference = Scripted(0, 1, 1, 1, 1, 2, 9)
    noise = measured(reference, Scripted(0), Scripted(0))
    noise.look_deeper({3: 1})
    assert reference.asked == 1 + FIRST_DRAWS
    noise.look_deeper({3: 1.5})
    assert reference.asked == 1 + 5
    assert noise.floor == {3: 2}


def test_draws_end() -> None:
    reference = Scripted(0, 1)
    noise = measured(reference, Scripted(0), Scripted(0))
    for _ in range(2):
        noise.look_deeper({3: 1.5})
        assert noise.floor == {3: 1}
        assert reference.asked == 1 + MAX_DRAWS


@pytest.mark.parametrize("height", [HOPELESS + 1, float("inf")])
def test_no_draws_are_taken_for_an_error_out_of_reach(height: float) -> None:
    reference = Scripted(0, 1)
    measured(reference, Scripted(0), Scripted(0)).look_deeper({3: height})
    assert reference.asked == 1 + FIRST_DRAWS


def test_no_draws_are_taken_where_tflite_has_no_noise() -> None:
    reference = Scripted(7)
    measured(reference, Scripted(7), Scripted(7)).look_deeper({3: 1e-30})
    assert reference.asked == 1 + FIRST_DRAWS


def test_an_ulp_of_the_input_arrives_in_the_floor_of_a_real_model() -> None:
    factor = np.float32([1024])
    model = one_operator_model("MUL", [Tensor((1, 4)), factor], options=schema.MulOptionsT())
    values = np.float32([[1.5, 0.25, 0.125, 0]])
    references = {kernels: Reference(model, kernels) for kernels in KERNELS}
    noise = Noise(references, [values], np.random.default_rng(0))
    for reference in references.values():
        reference.close()
    [floor] = noise.floor.values()
    assert floor == 1024 * 2**-23


def test_every_value_moves_to_its_neighbour_up_or_down() -> None:
    values = np.linspace(-3, 3, 201, dtype=np.float32)
    moved = nudge(values, np.random.default_rng(0))
    up, down = np.nextafter(values, np.float32(9)), np.nextafter(values, np.float32(-9))
    assert moved.dtype == np.float32
    assert np.all((moved == up) | (moved == down))
    assert 60 < int((moved == up).sum()) < 140


def test_whole_numbers_are_not_nudged() -> None:
    values = np.int32([1, 2, 3])
    np.testing.assert_array_equal(nudge(values, np.random.default_rng(0)), values)


def test_zeros_are_nudged_by_an_ulp_of_one() -> None:
    moved = nudge(np.zeros(100, np.float32), np.random.default_rng(0))
    assert moved.dtype == np.float32
    assert set(moved.tolist()) == {-(2.0**-24), 2.0**-23}


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 10), ("bfloat16", 7)])
def test_a_nudge_of_a_narrow_type(dtype: str, digits: int) -> None:
    values = np.linspace(1, 1.99, 201, dtype=np.float32)
    moved = nudge(values, np.random.default_rng(0), dtype)
    assert moved.dtype == np.float32
    steps = moved - values
    np.testing.assert_allclose(np.abs(steps), 2.0**-digits, rtol=2.0**-12)
    assert 60 < int((steps > 0).sum()) < 140
    zeros = nudge(np.zeros(3, np.float32), np.random.default_rng(0), dtype)
    assert set(np.abs(zeros).tolist()) == {2.0**-digits}
