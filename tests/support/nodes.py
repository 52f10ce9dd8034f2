"""Nodes as the passes before the blocks leave them, for tests of what looks at nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tflite2torch.converter.frontends.tflite.lowering.padding import COMMENT
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, PRelu
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.slicing import FULL, Slice
from tflite2torch.converter.graph.nodes.window import Window
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.motifs import CHAINS
from tflite2torch.converter.structure.blocks import make_block
from tflite2torch.converter.structure.structure import Block

NAMELESS = ""
"""TFLite says nothing of any of their values."""


def image(channels: int = 4, height: int = 8, width: int = 8) -> Value:
    """Return a feature map."""
    shape = (N, channels, height, width)
    return Value(NAMELESS, shape, "float32", image=True)


def result(*nodes: Node) -> Value:
    """Return what the last of some nodes gives."""
    (value,) = nodes[-1].outputs
    return value


def conv(
    x: Value,
    filters: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    groups: int = 1,
    padding: int | None = None,
    bias: bool = True,
) -> Conv2d:
    """Return a convolution; it pads half a kernel at stride 1, else nothing."""
    around = (kernel // 2 if stride == 1 else 0) if padding is None else padding
    window = Window(
        (kernel, kernel),
        (stride, stride),
        padding=((around, around), (around, around)),
    )
    weight = constant(filters, x.shape[1] // groups, kernel, kernel)
    parameters = {"weight": weight} | ({"bias": constant(filters)} if bias else {})
    output = image(filters, *window.output(x.shape[2:]))
    return Conv2d([x], [output], window, groups, parameters=parameters)


def depthwise(x: Value, kernel: int = 3, stride: int = 1) -> Conv2d:
    """Return a convolution of each channel by itself."""
    return conv(x, x.shape[1], kernel, stride, groups=x.shape[1])


def linear(x: Value, width: int) -> Linear:
    """Return a matrix product over the last axis."""
    output = Value(NAMELESS, (*x.shape[:-1], width), "float32")
    parameters = {"weight": constant(width, x.shape[-1]), "bias": constant(width)}
    return Linear([x], [output], parameters=parameters)


def step(function: str, *inputs: Value) -> Elementwise:
    """Return a function of elements, of the first operand's shape."""
    return Elementwise(list(inputs), [_like(inputs[0])], function)


def prelu(x: Value, slopes: int | None = None) -> PRelu:
    """Return an activation with a slope for each channel."""
    weight = constant(x.shape[1] if slopes is None else slopes)
    return PRelu([x], [_like(x)], parameters={"weight": weight})


def pool(x: Value, kernel: int = 2, stride: int = 2, kind: str = "max") -> Pool2d:
    """Return a pool over a square window, without padding."""
    window = Window((kernel, kernel), (stride, stride))
    output = image(x.shape[1], *window.output(x.shape[2:]))
    return Pool2d([x], [output], kind, window)


def widened(x: Value, channels: int) -> Pad:
    """Return a padding with more channels."""
    return Pad.of(x, ((0, 0), (0, channels), (0, 0), (0, 0)))


def same_padded(x: Value, before: int = 0, after: int = 1) -> Pad:
    """Return TFLite's padding of an image whose two sides differ."""
    pad = Pad.of(x, ((0, 0), (0, 0), (before, after), (before, after)))
    pad.of_window, pad.comment = True, COMMENT
    return pad


def narrowed(x: Value, channels: int) -> Slice:
    """Return the first channels."""
    output = image(channels, *x.shape[2:])
    return Slice([x], [output], (FULL, slice(None, channels, None), FULL, FULL))


def constant(*shape: int, value: float = 1.0, dtype: str = "float32") -> Value:
    """Return a constant that holds one number everywhere."""
    return Value(NAMELESS, shape, dtype, data=np.full(shape, value, dtype))


def block(nodes: Sequence[Node]) -> Block:
    """Return the block that nodes are; the last one gives its result."""
    return make_block(nodes, result(*nodes), CHAINS)


def graph(inputs: Sequence[Value], nodes: Sequence[Node], *outputs: Value) -> Graph:
    """Return a graph whose outputs are these, or what the last node gives."""
    ends = list(outputs) or list(nodes[-1].outputs)
    names = [f"output{i}" for i, _ in enumerate(ends, 1)]
    return Graph("model", "model.tflite", list(inputs), ends, list(nodes), ["x"], names)


def _like(x: Value) -> Value:
    return Value(x.name, x.shape, x.dtype, image=x.image)
