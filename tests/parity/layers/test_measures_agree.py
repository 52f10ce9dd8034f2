"""The numbers of a row are those on one and the same input."""

from __future__ import annotations

from tflite2torch.parity.distances import share
from tflite2torch.parity.layers.report import ParityReport


def test_the_numbers_of_a_row_agree(bundled: dict[str, ParityReport]) -> None:
    higher = 0
    for report in bundled.values():
        largest = max(layer.severity for layer in report.layers)
        assert report.worst_first[0].severity == largest
        for layer in report.layers:
            worst, forced, totals = layer.worst, layer.forced, layer.totals
            assert worst.severity == share(worst.error, worst.limit)
            assert forced is not None
            assert forced.severity == share(forced.error, forced.limit)
            assert worst.error <= totals.error <= totals.needed
            assert layer.ratio == share(worst.error, worst.floor)
            higher += totals.needed > worst.limit
    assert higher, "else nothing here would have told the two apart"
