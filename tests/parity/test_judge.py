"""What passes and what a report says, on answers that are given in advance."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.judge import (
    MAX_FAILURES,
    Target,
    Verdict,
    judge_batch,
    summarize,
)
from tflite2torch.parity.reference.noise import Noise

Array = npt.NDArray[Any]


class Known:
    """TFLite's answers on one input, of one tensor, and its noise."""

    def __init__(self, expected: Array, xnnpack: Array, floor: float) -> None:
        self.answers = {
            "reference": {0: expected},
            "builtin": {0: np.full_like(expected, 99)},
            "xnnpack": {0: xnnpack},
        }
        self.floor = {0: floor}

    def reaches(self, tensor: int, height: float) -> bool:
        return self.floor[tensor] >= height


def target(expected: Array, floor: float = 0, xnnpack: Array | None = None) -> Target:
    other = expected if xnnpack is None else xnnpack
    port = Port("y", 0, expected.shape[1:], expected.dtype.name, (0, 1))
    return Target(port, cast(Noise, Known(expected, other, floor)))


def judge(answer: Array, wanted: Target, alone: Array | None = None) -> Verdict:
    [verdict] = judge_batch(
        answer, ["here"], [wanted], [] if alone is None else [alone]
    )
    return verdict


@pytest.mark.parametrize(("error", "passes"), [(0.5, True), (0.502, False)])
def test_an_error_may_be_twice_the_floor(error: float, passes: bool) -> None:
    verdict = judge(np.float32([[1 + error]]), target(np.float32([[1]]), floor=0.25))
    assert (verdict.failures == ()) == passes
    assert verdict.severity == pytest.approx(error / 0.5)


@pytest.mark.parametrize(("ulps", "passes"), [(4, True), (5, False)])
def test_or_four_ulps_of_the_magnitude_if_that_is_more(ulps: int, passes: bool) -> None:
    expected = np.float32([[100, 0]])
    error = np.float32(ulps * 2**-17)
    verdict = judge(expected + error, target(expected, floor=1e-9))
    assert (verdict.failures == ()) == passes


def test_whole_numbers_have_no_ulps() -> None:
    expected = np.int32([[1 << 26]])
    assert judge(expected, target(expected)).failures == ()
    assert judge(expected + np.int32(1), target(expected)).failures


def test_the_error_against_xnnpack_is_told_and_does_not_decide() -> None:
    expected = np.float32([[1, 2]])
    verdict = judge(expected, target(expected, xnnpack=np.float32([[1, 2.5]])))
    assert (verdict.error, verdict.error_xnnpack) == (0, 0.5)
    assert verdict.failures == ()


@pytest.mark.parametrize(
    ("moved", "floor", "passes"),
    [(0.0009, 0, True), (0.0011, 0, False), (0.0011, 0.001, True)],
)
def test_a_sample_may_move_in_a_batch_by_its_tolerance_or_the_noise(
    moved: float, floor: float, passes: bool
) -> None:
    expected = np.float32([[100]])
    answer = np.float64([[100]])
    verdict = judge(answer, target(expected, floor), alone=answer + moved)
    reasons = [reason for reason in verdict.failures if "run alone" in reason]
    assert (reasons == []) == passes


def test_a_report_tells_of_the_input_that_is_worst_for_what_is_allowed_there() -> None:
    noisy = Verdict("noisy", target(np.float32([[1]]), floor=1), 0.5, 0.25, ())
    quiet = Verdict("quiet", target(np.float32([[1]]), floor=1e-3), 1e-2, 3, ("bad",))
    report = summarize("y", [noisy, quiet], from_exact=None, reference_from_exact=None)
    assert (report.worst, report.error, report.floor) == ("quiet", 1e-2, 1e-3)
    assert report.limit == 2e-3
    assert report.ratio == pytest.approx(10)
    assert report.error_xnnpack == 3
    assert report.failures == ("bad",)
    assert not report.passed


def test_a_report_names_the_worst_failures_and_counts_the_rest() -> None:
    wanted = target(np.float32([[1]]), floor=1)
    verdicts = [Verdict("", wanted, e, e, (f"error {e}",)) for e in range(3, 12)]
    report = summarize("y", verdicts, from_exact=None, reference_from_exact=None)
    assert report.failures[:2] == ("error 11", "error 10")
    assert len(report.failures) == MAX_FAILURES + 1
    assert report.failures[-1] == "and 4 more such differences"
