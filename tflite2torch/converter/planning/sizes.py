"""The sizes of images that a network takes, and the grid of a detector's anchors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import BatchError, Node
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.depth import DepthToSpace, SpaceToDepth
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.pad import MirrorPad, Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.nodes.resize import Resize
from tflite2torch.converter.graph.nodes.same_shape import SameShape
from tflite2torch.converter.graph.nodes.shape import Permute, Rows
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.nodes.transpose_conv import ConvTranspose2d
from tflite2torch.converter.graph.value import Shape, Value, image_shape

ANY_SIZE = (
    *(Conv2d, ConvTranspose2d, Pool2d, Pad, MirrorPad, Resize, DepthToSpace, SpaceToDepth),
    *(Elementwise, SameShape, Reduce, Concat, Slice, Permute, Rows),
)
"""Nodes that mean the same at every size of their image. Others print sizes as numbers."""

Grid = tuple[tuple[int, int], ...]
"""For each feature map of a detector its stride and the number of anchors in each cell."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of images that a network takes.

    Attributes:
        multiple: what height and width have to be multiples of; None if the network takes the
            size in its file alone.
        anchor_grid: of a detector; None for other networks.
    """

    multiple: int | None = None
    anchor_grid: Grid | None = None

    @classmethod
    def of(cls, graph: Graph) -> Sizes:
        """Find them in a graph that the passes have rewritten, before blocks are found."""
        return cls(size_multiple(graph), anchor_grid(graph))


def size_multiple(graph: Graph) -> int | None:
    """Return what height and width of the input have to be multiples of.

    None if the network takes images of one size only, or no image. That is so unless it is
    fully convolutional: at every size each feature map is as large in proportion, and so are
    the outputs. A network that flattens features, or averages them into a vector that it
    returns, is not. Multiples of the largest stride keep TFLite's SAME padding as it is.
    """
    if len(graph.inputs) != 1 or not graph.inputs[0].image:
        return None
    if not all(isinstance(node, ANY_SIZE) for node in graph.nodes):
        return None
    (image,) = graph.inputs
    _, _, height, width = image.shape
    # What a convolution pads for itself has an odd size; the size of its result counts.
    padded = {value for node in graph.nodes if isinstance(node, Pad) for value in node.outputs}
    maps = {v for n in graph.nodes for v in n.outputs if v.image} - padded
    # Twice and three times the size tell which feature maps grow; others are averages.
    grown = _shapes(graph, (2 * height, 3 * width))
    growing = [value.shape for value in maps if grown.get(value) != value.shape]
    strides = [_stride(height, h) for _, _, h, _ in growing]
    strides += [_stride(width, w) for _, _, _, w in growing]
    multiple = math.lcm(*strides)
    if not grown or not multiple or height % multiple or width % multiple:
        return None
    # One multiple more is the smallest step: what is right at this one is right at any.
    size = (height + multiple, width + 2 * multiple)
    stepped = _shapes(graph, size)
    for value in maps:
        _, _, *old = value.shape
        _, _, *new = stepped.get(value, value.shape)
        scaled = (old[0] * size[0], old[1] * size[1]) == (new[0] * height, new[1] * width)
        if not scaled and (old, new) != ([1, 1], [1, 1]):
            return None
    return multiple if all(stepped[value] != value.shape for value in graph.outputs) else None


def _stride(whole: int, part: int) -> int:
    """Return how many pixels of the input one of a feature map stands for; 0 for a fraction."""
    if part >= whole:
        return 1 if part % whole == 0 else 0
    return whole // part if whole % part == 0 else 0


def _shapes(graph: Graph, size: tuple[int, int]) -> dict[Value, Shape]:
    """Return the shapes of all values for another size of the image; none if they do not fit."""
    (image,) = graph.inputs
    scratch = {image: replace(image, shape=image_shape(image, size, image.shape[1]))}
    for node in graph.nodes:
        inputs = [scratch.get(value, value) for value in node.inputs]
        if not _fits(node, inputs):
            return {}
        try:
            inferred = _inferred(node, inputs)
        except BatchError:
            return {}
        for value, shape in zip(node.outputs, inferred, strict=True):
            scratch[value] = replace(value, shape=shape)
    return {value: other.shape for value, other in scratch.items()}


def _fits(node: Node, inputs: list[Value]) -> bool:
    """Return whether a node takes inputs of other sizes, and means the same."""
    match node:
        case Concat(axis=axis):
            return len({(*v.shape[:axis], *v.shape[axis + 1 :]) for v in inputs}) == 1
        case Rows(width=width):
            return all(image.shape[1] % width == 0 for image in inputs)
        case Slice() | Pad() | MirrorPad():
            # Rows are cut and added by their number. What is cut of an image shows in its size.
            return inputs[0].image or inputs[0].shape == node.inputs[0].shape
    return True


def _inferred(node: Node, inputs: list[Value]) -> list[Shape]:
    """Return a node's output shapes for inputs of other sizes."""
    if isinstance(node, Resize) and node.factor is not None:
        batch, channels, height, width = inputs[0].shape
        return [(batch, channels, height * node.factor, width * node.factor)]
    return replace(node, inputs=inputs).infer()


def anchor_grid(graph: Graph) -> Grid | None:
    """Return the grid of the anchors that a detector's rows belong to; None for no detector.

    A detector has two outputs or more whose rows are those of the same feature maps: row by
    row and cell by cell as in the image, several anchors for each cell, map after map.
    """
    if len(graph.inputs) != 1 or not graph.inputs[0].image:
        return None
    size, producers = graph.inputs[0].shape[2:], graph.producers()
    grids: list[Grid] = []
    for output in graph.outputs:
        node = producers.get(output)
        # What is done to each number alone, such as a sigmoid, keeps rows where they are.
        while isinstance(node, Elementwise | SameShape) and not isinstance(node, Rows):
            node = producers.get(node.inputs[0])
        if isinstance(node, Rows):
            maps = [image.shape for image in node.inputs]
            whole = all(size == (s[2] * (size[0] // s[2]), s[3] * (size[0] // s[2])) for s in maps)
            if whole and not any(s[1] % node.width for s in maps):
                grids.append(tuple((size[0] // s[2], s[1] // node.width) for s in maps))
    return grids[0] if len(grids) > 1 and len(set(grids)) == 1 else None
