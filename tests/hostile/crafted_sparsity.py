"""Models whose sparse constant is wrong; see ``crafted``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.hostile.crafted import (
    crafted,
    dense_level,
    fill,
    operator,
    sparsity,
    tensor,
)


@crafted(r"tensor 1 .*traversal order \[0, 1, 2, 2\]", sparse=True)
def axis_traversed_twice(model: Any) -> None:
    sparsity(model).traversalOrder = [0, 1, 2, 2]


@crafted(r"tensor 1 .*traversal order \[0, 1, 2, 9\]", sparse=True)
def no_such_axis_to_traverse(model: Any) -> None:
    sparsity(model).traversalOrder = [0, 1, 2, 9]


@crafted("tensor 1 .*3 levels for 4 axes", sparse=True)
def level_missing(model: Any) -> None:
    sparsity(model).dimMetadata.pop()


@crafted("tensor 1 .*level 0: 3 indices of an axis with 2", sparse=True)
def dense_level_too_large(model: Any) -> None:
    sparsity(model).dimMetadata[0].denseSize = 3


@crafted("tensor 1 .*a level is of kind 5", sparse=True)
def level_of_no_kind(model: Any) -> None:
    sparsity(model).dimMetadata[3].format = 5


@crafted("tensor 1 .*lacks its array_indices", sparse=True)
def indices_missing(model: Any) -> None:
    level = sparsity(model).dimMetadata[3]
    level.arrayIndicesType, level.arrayIndices = 0, None


@crafted("tensor 1 .*level 3: an index lies beyond 4", sparse=True)
def index_too_large(model: Any) -> None:
    sparsity(model).dimMetadata[3].arrayIndices.values = [2, 0, 4]


@crafted("tensor 1 .*level 3: an index lies beyond 4", sparse=True)
def index_negative(model: Any) -> None:
    sparsity(model).dimMetadata[3].arrayIndices.values = [2, -1, 3]


@crafted("tensor 1 .*level 3: its indices are not in order", sparse=True)
def index_twice(model: Any) -> None:
    sparsity(model).dimMetadata[3].arrayIndices.values = [2, 3, 3]


@crafted("tensor 1 .*level 3: its segments go backwards", sparse=True)
def segments_backwards(model: Any) -> None:
    sparsity(model).dimMetadata[3].arraySegments.values = [0, 4, 3]


@crafted("tensor 1 .*level 3: its segments do not share 3 indices out", sparse=True)
def segments_too_few(model: Any) -> None:
    sparsity(model).dimMetadata[3].arraySegments.values = [0, 3]


@crafted("tensor 1 .*level 3: its segments do not share 3 indices out", sparse=True)
def segments_none(model: Any) -> None:
    sparsity(model).dimMetadata[3].arraySegments.values = []


@crafted("tensor 1 .*stores 2 values in 3 places", sparse=True)
def stored_value_missing(model: Any) -> None:
    fill(model, 1, np.float32([1, 2]))


@crafted("it reads sparse constants without DENSIFY", sparse=True)
def not_densified(model: Any) -> None:
    operator(model, 1).inputs = [0, 1, 3]


@crafted("an output is a sparse constant", sparse=True)
def sparse_output(model: Any) -> None:
    model.subgraphs[0].outputs = [1]


@crafted("tensor 1 .*blocks of 3 do not fit axis 3", sparse=True)
def blocks_do_not_fit_the_axis(model: Any) -> None:
    levels = sparsity(model)
    levels.traversalOrder, levels.blockMap = [0, 1, 2, 3, 4], [3]
    levels.dimMetadata.append(dense_level(3))


@crafted("tensor 1 .*blocks of 2 do not fit axis 9", sparse=True)
def blocks_of_no_axis(model: Any) -> None:
    levels = sparsity(model)
    levels.traversalOrder, levels.blockMap = [0, 1, 2, 3, 4], [9]
    levels.dimMetadata.append(dense_level(2))


@crafted("sparse constants unpack to .* bytes", sparse=True)
def sparse_bomb(model: Any) -> None:
    """Three stored values in a tensor of one gigabyte."""
    tensor(model, 1).shape = [2, 1, 1, 2**27]
