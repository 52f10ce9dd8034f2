"""Verifies the sparsity parameters of a constant against its dense shape."""

from __future__ import annotations

import numpy as np

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.model import Dimension, Sparsity
from tflite2torch.converter.graph.value import Shape


def verify_sparsity(sparsity: Sparsity, shape: Shape, stored: int) -> None:
    """Raise FormatError unless each of ``stored`` values has a distinct place in ``shape``.

    The levels are the axes in traversal order, counting blocks where an axis is divided into
    blocks, followed by the axes of a block.
    """
    order, rank = sparsity.traversal_order, len(shape)
    count = rank + len(sparsity.block_map)
    # The tensor's axes come first, the axes of a block after them.
    if sorted(order[:rank]) != [*range(rank)] or sorted(order) != [*range(count)]:
        raise FormatError(f"its traversal order {list(order)} is not one of {count} axes")
    if len(sparsity.dimensions) != count:
        raise FormatError(f"it has {len(sparsity.dimensions)} levels for {count} axes")
    sizes = _level_sizes(sparsity, shape)
    # Each level splits the rows of the level above. The last level's rows are the values.
    rows = 1
    for level, (axis, dimension) in enumerate(zip(order, sparsity.dimensions, strict=True)):
        try:
            rows = _level(dimension, sizes[axis], rows)
        except FormatError as error:
            error.path.append(f"level {level}")
            raise
    if rows != stored:
        raise FormatError(f"it stores {stored} values in {rows} places")


def _level_sizes(sparsity: Sparsity, shape: Shape) -> list[int]:
    """Return the number of indices of each axis, followed by those of each axis of a block."""
    sizes, blocks = list(shape), []
    # An axis that is divided twice would have its indices computed wrongly when unpacked.
    if sorted(set(sparsity.block_map)) != list(sparsity.block_map):
        raise FormatError(f"its block map {list(sparsity.block_map)} is not in order")
    for position, axis in enumerate(sparsity.block_map):
        level = sparsity.traversal_order.index(len(shape) + position)
        size = sparsity.dimensions[level].size
        if not 0 <= axis < len(shape) or size < 1 or shape[axis] % size:
            raise FormatError(f"blocks of {size} do not fit axis {axis} of {list(shape)}")
        sizes[axis] //= size
        blocks.append(size)
    return sizes + blocks


def _level(dimension: Dimension, size: int, rows: int) -> int:
    """Verify one level below ``rows`` rows; return the number of its own rows."""
    segments, indices = dimension.segments, dimension.indices
    if segments is None or indices is None:
        if dimension.size != size:
            raise FormatError(f"{dimension.size} indices of an axis with {size}")
        return rows * size
    ends = (segments[0], segments[-1]) if len(segments) else ()
    if len(segments) != rows + 1 or ends != (0, len(indices)):
        raise FormatError(f"its segments do not share {len(indices)} indices out")
    # The file's indices are int32 or narrower and unsigned: widened, so as not to wrap around.
    if np.diff(segments.astype(np.int64)).min(initial=0) < 0:
        raise FormatError("its segments go backwards")
    if len(indices):
        if not 0 <= indices.min() <= indices.max() < size:
            raise FormatError(f"an index lies beyond {size}")
        rises = np.ones(len(indices) + 1, bool)
        rises[1:-1] = np.diff(indices.astype(np.int64)) > 0
        # Strictly increasing indices within a row rule out two values in one place. The first
        # index of a row need not exceed the last one of the row before.
        rises[segments] = True
        if not rises.all():
            raise FormatError("its indices are not in order")
    return len(indices)
