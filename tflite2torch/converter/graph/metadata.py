"""Documentation of a model: what its inputs and outputs are called and what they mean."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TensorMetadata:
    """Documentation of an input or output; untrusted text where it comes from the file.

    Attributes:
        name: may be empty, as all other texts.
        description: what the file says of it.
        value_range: smallest and largest value: of normalized pixels for an image, from the
            file's statistics for other tensors. None if unknown.
        unit: of its values, such as ``input pixels``, ``logit`` or ``probability``.
        meaning: the order of rows and axes, and what an index stands for.
        resize: how a photo becomes an input image.
        labels: what each entry of an axis stands for, of the axis with as many entries; or each
            point, where ``meaning`` says that a row holds points.
    """

    name: str = ""
    description: str = ""
    value_range: tuple[float, float] | None = None
    unit: str = ""
    meaning: str = ""
    resize: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelMetadata:
    """Documentation of a model; untrusted text where it comes from the file.

    Attributes:
        name: may be empty, as all other texts.
        description: what the file says of it.
        inputs: one entry for each input, or an empty list.
        outputs: one entry for each output, or an empty list.
        title: a sentence on what the network does.
        licence: the SPDX identifier of an official model's licence, or else what the file
            itself says.
        known: whether the table of official models has this one.
    """

    name: str = ""
    description: str = ""
    inputs: list[TensorMetadata] = field(default_factory=list)
    outputs: list[TensorMetadata] = field(default_factory=list)
    title: str = ""
    licence: str = ""
    known: bool = False
