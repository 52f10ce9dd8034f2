"""Documentation that a file contains: names, descriptions and value ranges."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TensorMetadata:
    """A file's documentation of an input or output; untrusted text.

    Attributes:
        name: may be empty.
        description: may be empty.
        value_range: smallest and largest value: of normalized pixels for an image, from the
            file's statistics for other tensors. None if unknown.
    """

    name: str = ""
    description: str = ""
    value_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class ModelMetadata:
    """A file's documentation of its model; untrusted text.

    Attributes:
        name: may be empty.
        description: may be empty.
        inputs: one entry for each input, or an empty list.
        outputs: one entry for each output, or an empty list.
    """

    name: str = ""
    description: str = ""
    inputs: list[TensorMetadata] = field(default_factory=list)
    outputs: list[TensorMetadata] = field(default_factory=list)
