"""The standard streams: any encoding, and a reader that goes away."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

LOOK_ALIKES = {
    "►": ">",
    "→": ">",
    "◦": "o",
    "█": "#",
    "·": ".",
    "…": ".",
}
"""What is printed for characters that the encoding of a stream lacks; ``?`` for all others."""

BROKEN_PIPE = 141
"""The exit code that a shell expects of a program whose reader has gone: 128 + SIGPIPE."""


def prepare_streams() -> None:
    """Let the standard streams print any character, whatever their encoding."""
    codecs.register_error("look-alike", _look_alike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="look-alike")


def drop_streams() -> None:
    """Send the standard streams nowhere: the interpreter flushes them when it ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())


def _look_alike(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(LOOK_ALIKES.get(c, "?") for c in lacking), error.end
