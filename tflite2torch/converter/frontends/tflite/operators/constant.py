"""DEQUANTIZE and DENSIFY of constants: they are evaluated here and leave no node behind."""

from __future__ import annotations

import numpy as np

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.model import Sparsity
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    same_shape,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    dequantized,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Array


@operator("DEQUANTIZE", shapes=same_shape, gives="float32")
def dequantize(call: OperatorCall) -> list[Node]:
    """Converts a float16, int8 or uint8 constant to float32."""
    stored, output = call.input(0), call.output
    if stored.data is None:
        raise NotSupportedError(
            f"it unpacks computed {stored.dtype}: integer models are not converted, only "
            "the floating-point ones that they were made from"
        )
    # Float16 stays as it is: the writer widens it, or saves it as float16 if asked to.
    data = stored.data
    if stored.dtype in ("int8", "uint8"):
        data = dequantized(stored, data, call.tensor(0)).array
    elif stored.dtype != "float16":
        raise NotSupportedError(f"its input is {stored.dtype}")
    output.name, output.origin, output.data = stored.name, stored.origin, data
    return []


def densify_shape(operands: Operands) -> Shapes:
    """Return the dense shape of a sparse constant."""
    if operands.tensor(0).sparsity is None:
        raise FormatError("its input is not a sparse constant")
    return [operands.shape(0)]


@operator("DENSIFY", shapes=densify_shape)
def densify(call: OperatorCall) -> list[Node]:
    """Expands a sparse constant (CSR or block sparsity, any traversal order) to a dense one."""
    stored, output = call.input(0), call.output
    sparsity = call.tensor(0).sparsity
    assert sparsity is not None, "the contract demands it"
    dense = dense_array(stored.array.reshape(-1), sparsity, output.shape)
    output.name, output.origin, output.data = stored.name, stored.origin, dense
    return []


def dense_array(values: Array, sparsity: Sparsity, shape: tuple[int, ...]) -> Array:
    """Return a dense array of this shape from the stored values of a sparse one.

    Source: the comments of SparsityParameters in TensorFlow Lite's schema.fbs.
    """
    # Each level splits every entry of the level above: a dense level into all indices of its
    # axis, a sparse one into those in the entry's segment. ``coordinates`` has, for each level
    # so far, the index of every entry. The entries of the last level are the values, in order.
    count = 1
    coordinates: list[Array] = []
    for level in sparsity.dimensions:
        if level.segments is None or level.indices is None:
            parents = np.repeat(np.arange(count), level.size)
            index = np.tile(np.arange(level.size), count)
        else:
            parents = np.repeat(np.arange(count), np.diff(level.segments))
            index = level.indices.astype(np.int64)
        coordinates = [coordinate[parents] for coordinate in coordinates] + [index]
        count = len(parents)
    dense = np.zeros(shape, values.dtype)
    dense[tuple(_positions(coordinates, sparsity, len(shape)))] = values
    return dense


def _positions(coordinates: list[Array], sparsity: Sparsity, rank: int) -> list[Array]:
    """Return the index of every value along each axis of the dense tensor."""
    axes = sparsity.traversal_order
    along = dict(zip(axes, coordinates, strict=True))
    sizes = dict(zip(axes, (d.size for d in sparsity.dimensions), strict=True))
    positions = [along[axis] for axis in range(rank)]
    # In an axis that is divided, the level of the axis counts blocks, and the level of the
    # block counts elements inside it.
    for block, axis in enumerate(sparsity.block_map, rank):
        positions[axis] = positions[axis] * sizes[block] + along[block]
    return positions
