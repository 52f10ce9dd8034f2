"""What is printed on: terminals, files and pipes, of any width and encoding."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

from rich.console import Console

LOOK_ALIKES = {
    "►": ">",
    "→": ">",
    "◦": "o",
    "█": "#",
    "·": ".",
    "…": ".",
}
"""What stands for characters that the encoding of a stream lacks; ``?`` for all others."""

UNFOLDED = 10_000
"""Characters of a line where no terminal limits it."""

BROKEN_PIPE = 141
"""What a shell says of a program whose reader has gone away: 128 + SIGPIPE."""


class _Console(Console):
    """Leaves it to the command line what becomes of a reader that has gone away."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return what tables and bars are printed on; folded in a terminal, or to COLUMNS."""
    found = _Console(stderr=stderr, highlight=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = UNFOLDED
    return found


def prepare_streams() -> None:
    """Let the standard streams print any character, whatever their encoding."""
    codecs.register_error("look-alike", _look_alike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="look-alike")


def drop_streams() -> None:
    """Let go what nobody reads any more, which would be written again at the end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())


def _look_alike(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(LOOK_ALIKES.get(c, "?") for c in lacking), error.end
