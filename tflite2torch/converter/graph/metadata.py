"""What a file says of a model besides what it computes: names and ranges, for people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TensorMetadata:
    """What a file says about one of its inputs or outputs; untrusted text.

    Attributes:
        name: may be empty.
        description: may be empty.
        value_range: the least and the largest value: of an image, what black and white
            become; of other tensors, what their statistics give. None if unknown.
    """

    name: str = ""
    description: str = ""
    value_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class ModelMetadata:
    """What a file says about itself; untrusted text.

    Attributes:
        name: may be empty.
        description: may be empty.
        inputs: one for each of the model's inputs, or none at all.
        outputs: one for each of the model's outputs, or none at all.
    """

    name: str = ""
    description: str = ""
    inputs: list[TensorMetadata] = field(default_factory=list)
    outputs: list[TensorMetadata] = field(default_factory=list)
