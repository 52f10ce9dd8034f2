"""Fuse permute + reshape + concat of detector heads into one ``Rows`` node.

A head of a single feature map needs no concatenation: its permute and reshape alone are rows.

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
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import TO_NHWC, Value


def fuse_anchor_rows(graph: Graph) -> Rewrites:
    """Replace every concatenation of images that are laid out as rows; count them.

    Dead code elimination then drops the permutes and reshapes that nothing else reads.
    """
    fused = Rewrites()
    producers, sole_users, users = graph.producers(), graph.sole_users(), graph.users()
    gone: set[Node] = set()
    for position, node in enumerate(graph.nodes):
        (result, *_) = node.outputs
        alone = not any(isinstance(user, Concat) for user in users.get(result, []))
        if isinstance(node, Reshape) and alone and (image := _map(node, producers)) is not None:
            graph.nodes[position] = Rows([image], [result], result.shape[2], operator=node.operator)
            fused.count += 1
        if not isinstance(node, Concat) or node.axis != 1:
            continue
        last = _last(node, sole_users)
        images = [_image(value, producers) for value in node.inputs]
        found = [image for image in images if image is not None]
        if last is not None and len(found) == len(images):
            (result,) = last.outputs
            rows = Rows(found, [result], result.shape[2], operator=last.operator)
            graph.nodes[position] = rows
            gone |= {last} - {node}
            fused.count += 1
        elif found:
            reason = "its result is no rows" if last is None else "not all are images"
            fused.near_misses.append(f"{node.outputs[0].name!a}: {reason}")
    graph.nodes = [node for node in graph.nodes if node not in gone]
    return fused


def _map(reshape: Reshape, producers: dict[Value, Node]) -> Value | None:
    """Return the image of more than one pixel whose pixels a reshape makes rows; None if none."""
    (result,) = reshape.outputs
    image = _image(result, producers) if result.rank == 3 else None
    if image is None or image.shape[2:] == (1, 1) or image.shape[1] % result.shape[2]:
        return None
    return image


def _last(concat: Concat, sole_users: dict[Value, Node]) -> Node | None:
    """Return the node that computes the rows: the concatenation, or a reshape after it.

    Some files concatenate [N, rows, 1, width], and drop the axis of one element afterwards.
    None if the result does not consist of rows.
    """
    (value,) = concat.outputs
    if value.rank == 3:
        return concat
    if value.rank != 4 or value.shape[2] != 1:
        return None
    reshape = sole_users.get(value)
    rows = (value.shape[0], value.shape[1], value.shape[3])
    fits = isinstance(reshape, Reshape) and reshape.outputs[0].shape == rows
    return reshape if fits else None


def _image(rows: Value, producers: dict[Value, Node]) -> Value | None:
    """Return the NCHW image whose pixels are the rows of a value; None if there is none."""
    reshape = producers.get(rows)
    if not isinstance(reshape, Reshape) or not rows.batched:
        return None
    (value,) = reshape.inputs
    permute = producers.get(value)
    if isinstance(permute, Permute) and permute.axes == TO_NHWC:
        return permute.inputs[0]
    # An image of one channel, or of one pixel, needs no permute: its elements are in the
    # same order in NHWC.
    if value.image and (value.shape[1] == 1 or value.shape[2:] == (1, 1)):
        return value
    return None
