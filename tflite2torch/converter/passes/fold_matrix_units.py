"""A constant that only changes the units of a matrix's offsets goes into the step that reads them.

Before::

    m: [N, 4, 4] = mul(matrix, [[1, 1, ., 4], [1, 1, ., 4], ...])
    y = transform_landmarks(points, m)

After::

    y = transform_landmarks(points, matrix; scale 4)
"""

from __future__ import annotations

import numpy as np

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.region import TransformLandmarks
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value


def fold_matrix_units(graph: Graph) -> Rewrites:
    """Fold every product of a matrix with such a constant into its landmarks' mapping; count.

    The mapping reads the upper left 2 x 2 of a matrix and its two offsets, nothing else: where
    the constant is 1 at the former and one number at the latter, scaling the offsets by that
    number is the same, bit for bit. Dead code elimination then drops the product.
    """
    folded = Rewrites()
    producers = graph.producers()
    for node in graph.nodes:
        if not isinstance(node, TransformLandmarks):
            continue
        product = producers.get(node.inputs[1])
        if (found := _factors(product)) is None:
            continue
        matrix, constant = found
        values = constant.array.reshape(constant.shape[-2:])
        if (values[:2, :2] == 1).all() and values[0, 3] == values[1, 3] and values[0, 3]:
            node.inputs = [node.inputs[0], matrix]
            node.scale *= float(values[0, 3])
            folded.count += 1
        else:
            folded.near_misses.append(f"{constant.name!a}: it changes more than offsets")
    return folded


def _factors(product: Node | None) -> tuple[Value, Value] | None:
    """Return a computed matrix and the constant that it is multiplied with; None for no such."""
    if not isinstance(product, Elementwise) or product.function != "mul":
        return None
    constants = [v for v in product.inputs if v.data is not None and v.shape[-2:] == (4, 4)]
    computed = [v for v in product.inputs if v.data is None and v.rank == 3]
    if len(constants) != 1 or len(computed) != 1 or np.prod(constants[0].shape) != 16:
        return None
    return computed[0], constants[0]
