"""The numbers of a row are those on one and the same input."""

from __future__ import annotations

from tflite2torch.parity.distances import share
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.layers.verdict import Judged


def agrees(judged: Judged) -> bool:
    """Whether the severity of what passed is that of its error, or of the parts of it.

    Whether an error is above its limit, and passes for its parts, depends on the CPU's kernels.
    """
    if judged.error <= judged.limit:
        return judged.severity == share(judged.error, judged.limit)
    return judged.parts is not None and not judged.wrong and judged.severity <= 1


def test_the_numbers_of_a_row_agree(bundled: dict[str, ParityReport]) -> None:
    higher = 0
    for report in bundled.values():
        largest = max(layer.severity for layer in report.layers)
        assert report.worst_first[0].severity == largest
        for layer in report.layers:
            worst, forced, totals = layer.worst, layer.forced, layer.totals
            assert agrees(worst.free)
            assert worst.severity == worst.free.severity
            assert forced is not None
            assert agrees(forced.judged)
            assert worst.error <= totals.error <= totals.needed
            assert layer.ratio == share(worst.error, worst.floor)
            higher += totals.needed > worst.limit
    assert higher, "else nothing here would have told the two apart"
