"""The bytes of one model file, and names derived from its file name."""

from __future__ import annotations

import hashlib
import keyword
import re
import sys
from dataclasses import dataclass
from functools import cached_property

MAX_NAME = 64
"""Maximum length of a model's name in characters."""

_TAKEN = frozenset(keyword.kwlist) | sys.stdlib_module_names | {"torch", "numpy"}


@dataclass(frozen=True)
class ModelFile:
    """A .tflite file, read from disk or from an archive.

    Attributes:
        name: the file's stem as a lowercase identifier of at most 64 of ``[a-z0-9_]``;
            neither a keyword nor the name of a module that the emitted one would shadow.
        label: the file's name in messages, ``bundle/file`` for a bundled one; printable and
            of bounded length.
        data: the file's bytes.
    """

    name: str
    label: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def origin(self) -> str:
        """The label without a wheel's platform tags, for documentation."""
        return re.sub(r"(^|/)([^/-]+-[^/-]+)(-[^/-]+){3,4}\.whl(?=/)", r"\1\2", self.label)


def module_name(text: str) -> str:
    """Return a lowercase identifier, made from any text, that is a valid module name."""
    name = re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")[:MAX_NAME].rstrip("_")
    if not name or name[0].isdigit() or name in _TAKEN:
        name = f"model_{name}"[:MAX_NAME].rstrip("_")
    return name


def printable(text: str, limit: int = 100) -> str:
    """Return untrusted text on one line, shortened, with control characters escaped."""
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
