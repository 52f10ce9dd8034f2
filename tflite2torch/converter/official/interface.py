"""How the table of official models is written: one entry for each kind of interface."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.graph.value import Shape

Tensor = tuple[Shape, TensorMetadata]
"""The shape of an input or output without the batch, an image as (C, H, W), and its meaning."""

Range = tuple[float, float]
"""The smallest and the largest value of a pixel."""

SIGNED: Range = (-1.0, 1.0)
UNSIGNED: Range = (0.0, 1.0)

NORMALIZED = "normalized"
PIXELS = "input pixels"
PHOTO_PIXELS = "photo pixels"
METRES = "metres"
LOGIT = "logit"
PROBABILITY = "probability"
COEFFICIENT = "coefficient from 0 to 1"
EMBEDDING = "embedding"

UNITS = [NORMALIZED, PIXELS, PHOTO_PIXELS, METRES, LOGIT, PROBABILITY]
UNITS += [COEFFICIENT, EMBEDDING]

LETTERBOX = "letterbox: keep the aspect ratio, pad with black on both sides"
STRETCH = "stretch: the aspect ratio changes"
CROP = "rotated crop"


@dataclass(frozen=True)
class Interface:
    """What the inputs and outputs of some official files are.

    Attributes:
        title: a sentence of at most 75 characters on what the network does.
        inputs: the inputs, in the file's order.
        outputs: the outputs, in the file's order.
        files: for the SHA-256 of each file that has this interface the value range of its
            images; None if it takes none, or states the range itself.
        distinctive: whether no other network can plausibly have all these shapes in this
            order. Not so where sizes are as common as those of an image and its mask.
    """

    title: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    files: dict[str, Range | None]
    distinctive: bool = True


def tensor(
    shape: Shape, name: str, unit: str, meaning: str, labels: tuple[str, ...] = ()
) -> Tensor:
    """Return an input or output that is no image."""
    return shape, TensorMetadata(name, unit=unit, meaning=meaning, labels=labels)


def files(value_range: Range | None, **listed: str) -> dict[str, Range | None]:
    """Return files whose images have one range; ``listed`` are the SHA-256 for each stem."""
    return dict.fromkeys(" ".join(listed.values()).split(), value_range)


def image(height: int, width: int, meaning: str, resize: str) -> Tensor:
    """Return an input image of three channels."""
    return (3, height, width), TensorMetadata(
        "image", unit=NORMALIZED, meaning=f"RGB, {meaning}", resize=resize
    )


def detections(rows: int, what: str, points: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return the outputs of a detector: a box with points for each anchor, and its score."""
    columns = ["center x", "center y", "width", "height"]
    columns += [f"{point} {axis}" for point in points for axis in "xy"]
    return (
        tensor(
            (rows, len(columns)),
            "regressors",
            PIXELS,
            f"box x, y, w, h, {len(points)} points x, y from the anchor",
            tuple(columns),
        ),
        tensor((rows, 1), "classificators", LOGIT, f"whether {what} is there"),
    )
