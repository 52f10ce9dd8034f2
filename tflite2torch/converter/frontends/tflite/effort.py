"""How much work a file may make."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError

FREE = 2**16
"""What even the smallest file may cost."""


class Effort:
    """Counts the elements that are looked at one by one, or copied.

    Parts of a file may be used any number of times, such as one list of operands by many
    operators. A file that is not made to be slow does so little of it that all uses
    together stay below the size of the file.
    """

    def __init__(self, file_size: int) -> None:
        self._left = FREE + file_size

    def spend(self, elements: int) -> None:
        """Count elements; FormatError when there have been too many."""
        self._left -= elements
        if self._left < 0:
            raise FormatError("it uses the same parts of the file again and again")
