"""One model file, and the names that are made of what it is called."""

from __future__ import annotations

import hashlib
import keyword
import re
import sys
from dataclasses import dataclass
from functools import cached_property

MAX_NAME = 64
"""The most characters of a model's name."""

_TAKEN = frozenset(keyword.kwlist) | sys.stdlib_module_names | {"torch", "numpy"}


@dataclass(frozen=True)
class ModelFile:
    """One .tflite file, wherever it came from.

    Attributes:
        name: its stem as a lowercase identifier of at most 64 of ``[a-z0-9_]``; not a
            keyword, nor the name of a module that the emitted one would hide.
        label: how messages name it: the file's name, behind that of its bundle; without
            control characters, of bounded length.
        data: its bytes.
    """

    name: str
    label: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def origin(self) -> str:
        """The label for documentation: a wheel's without the platforms it is built for."""
        return re.sub(
            r"(^|/)([^/-]+-[^/-]+)(-[^/-]+){3,4}\.whl(?=/)", r"\1\2", self.label
        )


def module_name(text: str) -> str:
    """Return any text reduced to a lowercase identifier that can name a module."""
    name = re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")[:MAX_NAME].rstrip("_")
    if not name or name[0].isdigit() or name in _TAKEN:
        name = f"model_{name}"[:MAX_NAME].rstrip("_")
    return name


def printable(text: str, limit: int = 100) -> str:
    """Return untrusted text for a message: one line, nothing that moves a cursor."""
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
