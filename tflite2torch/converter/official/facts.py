"""Completes a file's own metadata by what is known of official models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tflite2torch.converter.graph.metadata import ModelMetadata, TensorMetadata
from tflite2torch.converter.graph.value import Shape
from tflite2torch.converter.official.faces import FACES
from tflite2torch.converter.official.hands import HANDS
from tflite2torch.converter.official.interface import (
    LOGIT,
    PROBABILITY,
    Interface,
    Range,
    Tensor,
)
from tflite2torch.converter.official.poses import POSES
from tflite2torch.converter.official.segmenters import SEGMENTERS

TABLE: tuple[Interface, ...] = (*FACES, *HANDS, *POSES, *SEGMENTERS)

LICENCE = "Apache-2.0"
"""The licence that the model cards of all official models name."""

SCORES = (LOGIT, PROBABILITY)
"""Units that differ between files of one interface: a sigmoid may be in the network or not."""


def with_facts(
    metadata: ModelMetadata, sha256: str, inputs: Sequence[Shape], outputs: Sequence[Shape]
) -> ModelMetadata:
    """Return a file's own metadata, completed and corrected by the table of official models.

    ``inputs`` and ``outputs`` are the shapes of the neutral graph: batch first, images NCHW.

    A model is recognized by its SHA-256 or, where no other network can plausibly have all
    these shapes in this order, by those. One that is recognized by its shapes alone may be
    trained on images of another range, give logits for probabilities, have another licence,
    and exchange outputs of equal shape: of these only its own metadata speaks then. One that
    is not recognized gets nothing.
    """
    for entry in TABLE:
        official = sha256 in entry.files
        if (official or entry.distinctive) and (
            _sizes(inputs) == _sizes([(1, *shape) for shape, _ in entry.inputs])
            and _sizes(outputs) == _sizes([(1, *shape) for shape, _ in entry.outputs])
        ):
            value_range = entry.files.get(sha256)
            return replace(
                metadata,
                inputs=_completed(metadata.inputs, entry.inputs, value_range, official),
                outputs=_completed(metadata.outputs, entry.outputs, None, official),
                title=entry.title,
                licence=LICENCE if official else metadata.licence,
                known=True,
            )
    return metadata


def _sizes(shapes: Sequence[Shape]) -> list[Shape]:
    """Return shapes without the batch and without trailing ones, which flattening drops."""
    found = []
    for shape in shapes:
        sizes = [int(size) for size in shape[1:]]
        while sizes and sizes[-1] == 1:
            sizes.pop()
        found.append(tuple(sizes))
    return found


def _range(own: TensorMetadata, fact: TensorMetadata, value_range: Range | None) -> Range | None:
    """Return the range of an image; of other values, a unit says more than a file's statistics."""
    if fact.resize:
        return value_range or own.value_range
    return None if fact.unit else own.value_range


def _completed(
    stated: Sequence[TensorMetadata],
    table: Sequence[Tensor],
    value_range: Range | None,
    official: bool,
) -> list[TensorMetadata]:
    """Return what the table says of inputs or outputs, with what only the file says."""
    shapes = [shape for shape, _ in table]
    tensors = []
    for index, (shape, fact) in enumerate(table):
        own = stated[index] if index < len(stated) else TensorMetadata()
        if not official and shapes.count(shape) > 1:
            tensors.append(own)
            continue
        tensors.append(
            replace(
                fact,
                description=own.description,
                value_range=_range(own, fact, value_range),
                unit=fact.unit if official or fact.unit not in SCORES else "",
            )
        )
    return tensors
