"""Verdicts and report fields for fixed reference outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tflite2torch.converter.graph.value import Array, N, Provenance, Value
from tflite2torch.parity.align.trace import Layer
from tflite2torch.parity.layers.measures import measure
from tflite2torch.parity.layers.rows import MAX_FAILURES, Row
from tflite2torch.parity.layers.verdict import Finding, Forced, Judged, Parts, limit_of


def judge(answer: Array, expected: Array, floor: float = 0, alone: Array | None = None) -> Finding:
    measures = measure("here", expected, answer, alone=alone)
    limit = limit_of(measures.magnitude, floor, expected.dtype.name)
    return Finding("here", measures, floor, Judged(measures.error, limit))


@pytest.mark.parametrize(("error", "passes"), [(0.5, True), (0.502, False)])
def test_an_error_may_be_twice_the_floor(error: float, passes: bool) -> None:
    found = judge(np.float32([[1 + error]]), np.float32([[1]]), floor=0.25)
    assert (list(found.failures()) == []) == passes
    assert found.severity == pytest.approx(error / 0.5)


@pytest.mark.parametrize(
    ("parts", "wrong", "severity"),
    [
        # Right by its structure, and rounded within the limit or no worse than TFLite.
        (Parts(structure=1, rounding=4, theirs=1), "", 1),
        (Parts(structure=0, rounding=5, theirs=6), "", 5 / 6),
        (Parts(structure=2.1, rounding=1, theirs=3), "structure", 2.1 / 2),
        (Parts(structure=0, rounding=5, theirs=4), "rounding", 5 / 4),
        (Parts(structure=np.nan, rounding=0, theirs=0), "structure", None),
        (Parts(structure=0, rounding=np.nan, theirs=0), "rounding", None),
        (None, "structure", 3 / 2),
    ],
)
def test_an_error_above_its_limit_is_of_structure_or_of_rounding(
    parts: Parts | None, wrong: str, severity: float | None
) -> None:
    judged = Judged(3, 2, parts)
    assert judged.wrong == wrong
    if severity is not None:
        assert judged.severity == pytest.approx(severity)
    failures = list(Forced("here", (), judged).failures())
    assert bool(failures) == bool(wrong)
    assert all(f"; {wrong}: " in failure for failure in failures if parts is not None)


def test_an_error_within_its_limit_needs_no_parts() -> None:
    assert Judged(2, 2, Parts(9, 9, 9)).wrong == ""
    assert Judged(2, 2, Parts(9, 9, 9)).severity == 1
    assert Judged(np.nan, 2).wrong == "structure"


@pytest.mark.parametrize(("ulps", "passes"), [(4, True), (5, False)])
def test_or_four_ulps_of_the_magnitude_if_that_is_more(ulps: int, passes: bool) -> None:
    expected = np.float32([[100, 0]])
    error = np.float32(ulps * 2**-17)
    found = judge(expected + error, expected, floor=1e-9)
    assert (list(found.failures()) == []) == passes


def test_whole_numbers_have_no_ulps() -> None:
    expected = np.int32([[1 << 26]])
    assert not list(judge(expected, expected).failures())
    assert list(judge(expected + np.int32(1), expected).failures())


@pytest.mark.parametrize(
    ("moved", "floor", "passes"),
    [(0.0009, 0, True), (0.0011, 0, False), (0.0011, 0.001, True)],
)
def test_a_sample_may_move_in_a_batch_by_its_tolerance_or_the_noise(
    moved: float, floor: float, passes: bool
) -> None:
    answer = np.float32([[100]])
    found = judge(answer, answer, floor, alone=np.float64(answer) + moved)
    reasons = [reason for reason in found.failures() if "run alone" in reason]
    assert (reasons == []) == passes
    assert (found.measures.needed <= found.limit) == passes


@pytest.mark.parametrize("alone", [np.float32([[np.nan]]), np.float32([[1, 1]])])
def test_another_answer_than_alone_that_has_no_distance(alone: Array) -> None:
    answer = np.float32([[1]])
    [failure] = judge(answer, answer, alone=alone).failures()
    assert failure.startswith("here: inf from what it is when run alone")


def test_the_error_against_xnnpack_is_told_and_does_not_decide() -> None:
    answer = np.float32([[1, 2]])
    measures = measure("here", answer, answer, xnnpack=np.float32([[1, 2.5]]))
    assert (measures.error, measures.xnnpack_error) == (0, 0.5)
    report = row(Finding("here", measures, 0, Judged(0, 0))).report()
    assert report.totals.xnnpack_error == 0.5
    assert report.passed


def row(*findings: Finding) -> Row:
    value = Value("y", (N, 1), "float32", Provenance("tflite", 0, "y", (0, 1)))
    layer = Layer("y", "add", None, (value,))
    return Row(layer, 0, findings=list(findings))


def test_a_report_tells_of_the_input_that_goes_furthest_of_its_limit() -> None:
    noisy = judge(np.float32([[1.5]]), np.float32([[1]]), floor=1)
    quiet = judge(np.float32([[1.01]]), np.float32([[1]]), floor=1e-3)
    report = row(noisy, replace(quiet, sample="quiet")).report()
    assert (report.worst.sample, report.worst.floor) == ("quiet", 1e-3)
    assert report.worst.limit == 2e-3
    assert report.ratio == pytest.approx(10, rel=1e-4)
    assert report.totals.error == 0.5
    assert report.failures == tuple(quiet.failures())
    assert not report.passed


def test_a_report_names_the_worst_failures_and_counts_the_rest() -> None:
    ones = np.float32([[1]])
    report = row(*(judge(ones + e, ones, floor=1) for e in range(3, 12))).report()
    assert [line.split()[2] for line in report.failures[:2]] == ["11", "10"]
    assert len(report.failures) == MAX_FAILURES + 1
    assert report.failures[-1] == "and 4 more such differences"
