"""The numbers of a row are those on one and the same input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.official import BUNDLE
from tflite2torch import compare
from tflite2torch.parity.distances import share


def test_the_numbers_of_a_row_agree(models: Callable[[str], Path]) -> None:
    reports = compare(models(BUNDLE))
    assert isinstance(reports, dict)
    higher = 0
    for report in reports.values():
        assert report.worst_first[0].worst == max(x.worst for x in report.layers)
        for layer in report.layers:
            assert layer.severity == share(layer.error, layer.limit)
            assert layer.forced_error is not None
            assert layer.forced_limit is not None
            assert layer.forced_severity == share(
                layer.forced_error, layer.forced_limit
            )
            assert layer.error <= layer.largest_error <= layer.needed
            assert layer.ratio == share(layer.error, layer.floor)
            higher += layer.needed > layer.limit
    assert higher, "else nothing here would have told the two apart"
