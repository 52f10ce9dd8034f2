"""Bounds the work that reading a file may take."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError

MIN_WORK = 2**16
"""Number of elements that a file of any size may have processed."""


class WorkBudget:
    """The number of elements that may still be copied or inspected one by one.

    A file can refer to one part many times, such as one list of operands from many operators,
    and thereby cause work out of proportion to its size. The budget is proportional to the
    size; official models stay well below it.
    """

    def __init__(self, file_size: int) -> None:
        self._left = MIN_WORK + file_size

    def spend(self, elements: int) -> None:
        """Count elements as processed; FormatError if the budget is exhausted."""
        self._left -= elements
        if self._left < 0:
            raise FormatError("it uses the same parts of the file again and again")
