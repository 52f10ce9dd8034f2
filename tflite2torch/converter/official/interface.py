"""How the table of official models is written: one entry for each kind of interface."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.graph.value import Shape

Range = tuple[float, float]
"""The smallest and the largest value."""

SIGNED: Range = (-1.0, 1.0)
UNSIGNED: Range = (0.0, 1.0)


@dataclass(frozen=True)
class Interface:
    """What the inputs and outputs of some official files are.

    Attributes:
        title: what the network does; a sentence of at most 75 characters.
        inputs: the shape of each input without the batch, images as (C, H, W), and what is
            known of it.
        outputs: likewise, in the file's order.
        files: the SHA-256 of each file that has this interface, the file's stem, and the
            value range of its images, None if it takes none.
        distinctive: whether no other network can plausibly have all these shapes in this
            order.
    """

    title: str
    inputs: tuple[tuple[Shape, TensorMetadata], ...]
    outputs: tuple[tuple[Shape, TensorMetadata], ...]
    files: dict[str, tuple[str, Range | None]]
    distinctive: bool = True


def image(height: int, width: int, meaning: str, resize: str) -> tuple[Shape, TensorMetadata]:
    """Return an input image of RGB, NCHW."""
    return (3, height, width), TensorMetadata(
        "image", unit="normalized", meaning=f"RGB; {meaning}", resize=resize
    )
