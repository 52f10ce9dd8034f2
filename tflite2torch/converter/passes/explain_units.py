"""A number that changes the units of landmarks gets a comment that says so.

Before::

    points = mul(landmarks, 0.25)    m = crop_matrix(points)    y = transform_bilinear(x4, m)

After, since ``x4`` has a quarter of the input's pixels along each side::

    points = mul(landmarks, 0.25)  # pixels at stride 4
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, is_number
from tflite2torch.converter.graph.nodes.region import CropMatrix, TransformBilinear
from tflite2torch.converter.graph.rewriting import Rewrites


def explain_units(graph: Graph) -> Rewrites:
    """Comment on every product that turns pixels of the input into those of a map; count."""
    explained = Rewrites()
    users, producers = graph.users(), graph.producers()
    heights = {value.shape[2] for value in graph.inputs if value.image}
    for crop in graph.nodes:
        product = producers.get(crop.inputs[0]) if isinstance(crop, CropMatrix) else None
        if not isinstance(product, Elementwise) or product.function != "mul" or product.comment:
            continue
        numbers = [v.number for v in product.inputs if v.data is not None and is_number(product, v)]
        readers = [n for n in users.get(crop.outputs[0], []) if isinstance(n, TransformBilinear)]
        strides = {whole / node.inputs[0].shape[2] for node in readers for whole in heights}
        if len(numbers) == len(strides) == 1 and numbers[0] * strides.pop() == 1:
            product.comment = f"pixels at stride {round(1 / numbers[0])}"
            explained.count += 1
    return explained
