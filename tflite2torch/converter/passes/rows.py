"""What lays out a detector's images as rows of numbers, one for each anchor, is one step.

Before::

    p = permute(x, 0, 2, 3, 1)    a: [N, 512, 16] = reshape(p)
    q = permute(y, 0, 2, 3, 1)    b: [N, 384, 16] = reshape(q)
    c: [N, 896, 16] = concat(a, b)

After::

    c: [N, 896, 16] = rows(x, y; width 16)
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape, Rows
from tflite2torch.converter.graph.value import TO_NHWC, Value


def raise_rows(graph: Graph) -> None:
    """Replace every concatenation of images as rows; tidy drops what led to it."""
    producers, users = graph.producers(), graph.users()
    gone: set[Node] = set()
    for position, node in enumerate(graph.nodes):
        if not isinstance(node, Concat) or node.axis != 1:
            continue
        last = _last(node, users, graph.outputs)
        images = [_image(value, producers) for value in node.inputs]
        found = [image for image in images if image is not None]
        if last is not None and len(found) == len(node.inputs):
            (result,) = last.outputs
            rows = Rows(found, [result], result.shape[2], operator=last.operator)
            graph.nodes[position] = rows
            gone |= {last} - {node}
    graph.nodes = [node for node in graph.nodes if node not in gone]


def _last(
    concat: Concat, users: dict[Value, list[Node]], outputs: list[Value]
) -> Node | None:
    """Return the step that gives the rows: it, or what drops an axis of one behind it."""
    (value,) = concat.outputs
    if value.rank == 3:
        return concat
    readers = users.get(value, [])
    if value.rank != 4 or value.shape[2] != 1 or len(readers) != 1:
        return None
    if value in outputs:
        return None
    rows = (value.shape[0], value.shape[1], value.shape[3])
    fits = isinstance(readers[0], Reshape) and readers[0].outputs[0].shape == rows
    return readers[0] if fits else None


def _image(rows: Value, producers: dict[Value, Node]) -> Value | None:
    """Return the image that a value lays out as rows; None where it is none."""
    reshape = producers.get(rows)
    if not isinstance(reshape, Reshape) or not rows.batched:
        return None
    (value,) = reshape.inputs
    permute = producers.get(value)
    if isinstance(permute, Permute) and permute.axes == TO_NHWC:
        return permute.inputs[0]
    # An image of one channel, or of one pixel, has its elements in order anyway.
    if value.image and (value.shape[1] == 1 or value.shape[2:] == (1, 1)):
        return value
    return None
