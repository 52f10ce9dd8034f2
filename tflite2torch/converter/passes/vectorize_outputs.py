"""An image of one pixel that a model returns becomes a vector.

Before::

    y: [N, 1404, 1, 1] = conv(x)    output y

After::

    y: [N, 1404, 1, 1] = conv(x)    z: [N, 1404] = reshape(y)    output z
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value


def vectorize_outputs(graph: Graph) -> Rewrites:
    """Return (N, C) wherever a model returns a value of rank 4 with one pixel; count them.

    A reshape that makes the image, or reads it, makes or reads the vector instead.
    """
    made = Rewrites()
    producers, users = graph.producers(), graph.users()
    after: dict[Node, list[Node]] = {}
    for value in dict.fromkeys(graph.outputs):
        producer = producers.get(value)
        if producer is None or not value.batched or value.rank != 4:
            continue
        if any(size != 1 for axis, size in enumerate(value.shape) if axis != value.channel_axis):
            continue
        vector = _vector(value)
        graph.outputs = [vector if output is value else output for output in graph.outputs]
        readers = [node for node in users.get(value, []) if not isinstance(node, Reshape)]
        if isinstance(producer, Reshape) and not readers:
            producer.outputs, producer.shape = [vector], vector.shape
        else:
            after.setdefault(producer, []).append(Reshape([value], [vector], vector.shape))
        for node in users.get(value, []):
            if isinstance(node, Reshape):
                node.inputs = [vector]
        made.count += 1
    graph.nodes = [n for node in graph.nodes for n in (node, *after.get(node, []))]
    return made


def _vector(value: Value) -> Value:
    """Return a new value with the axes of the batch and the channels alone."""
    kept = (0, value.channel_axis)
    origin = value.origin
    if origin is not None:
        origin = replace(origin, permutation=tuple(origin.permutation[axis] for axis in kept))
    return Value(value.name, tuple(value.shape[axis] for axis in kept), value.dtype, origin)
