"""The console that tables and progress bars are printed on."""

from __future__ import annotations

import os

from rich.console import Console

UNFOLDED = 10_000
"""Characters of a line where no terminal limits it."""


class _Console(Console):
    """Raises BrokenPipeError where its reader has gone, as all other printing does."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return a console on a standard stream.

    It folds lines in a terminal, or to the width in COLUMNS, and nowhere else.
    """
    found = _Console(stderr=stderr, highlight=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = UNFOLDED
    return found
