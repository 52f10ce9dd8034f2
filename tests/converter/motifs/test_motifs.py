"""Motifs have their usual names; what is only like one has another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.layers import RELU, Layers
from tests.support.nodes import (
    block,
    constant,
    conv,
    depthwise,
    graph,
    image,
    linear,
    pool,
    prelu,
    result,
    step,
)
from tests.support.operators import assert_same
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import PRelu
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.nodes.region import (
    TransformBilinear,
    TransformLandmarks,
)
from tflite2torch.converter.graph.nodes.resize import Resize
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape, Rows
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.motifs import MOTIFS, motifs_of
from tflite2torch.converter.motifs.layers import kind_name, layer_roles
from tflite2torch.converter.motifs.motif import Motif, Traits
from tflite2torch.converter.naming.roles import model_roles
from tflite2torch.converter.structure.structure import Block, uses_of_classes

Body = list[Node]
Maker = Callable[[Value], Node]


def body(x: Value, *makers: Maker, shortcut: bool = False) -> Body:
    """Return steps, each of what the one before gives; a sum with what entered."""
    nodes: Body = []
    for make in makers:
        nodes.append(make(result(*nodes) if nodes else x))
    if shortcut:
        nodes.append(step("add", result(*nodes), x))
    return nodes


def deep(x: Value) -> Node:
    return depthwise(x)


def relu(x: Value) -> Node:
    return step("relu", x)


def wide(filters: int) -> Maker:
    return lambda x: conv(x, filters, 1)


def conv3(x: Value) -> Node:
    return conv(x, x.shape[1])


def mean(x: Value) -> Node:
    return Reduce([x], [image(x.shape[1], 1, 1)], "mean", (2, 3), True)


def upsampled(x: Value) -> Node:
    size = (2 * x.shape[2], 2 * x.shape[3])
    return Resize([x], [image(x.shape[1], *size)], "bilinear", "half_pixel", size)


def norm(x: Value) -> Node:
    parameters = {"weight": constant(x.shape[-1])}
    return LayerNorm([x], [Value("y", x.shape, "float32")], 1e-3, parameters=parameters)


def swapped(x: Value) -> Node:
    return Permute.of(x, (0, 2, 1))


def tokens() -> Value:
    return Value("tokens", (1, 5, 4), "float32")


def gate(x: Value) -> Body:
    return body(x, mean, wide(2), relu, wide(4), lambda x: step("sigmoid", x))


def excite(x: Value) -> Body:
    nodes = gate(x)
    return [*nodes, step("mul", x, result(*nodes))]


def mlp(x: Value) -> Block:
    width = x.shape[-1]
    return block(body(x, lambda x: linear(x, 8), relu, lambda x: linear(x, width)))


def mixer() -> Body:
    x = tokens()
    nodes = body(x, norm, swapped, mlp, swapped)
    nodes.append(step("add", result(*nodes), x))
    middle = result(*nodes)
    nodes += body(middle, norm, mlp)
    return [*nodes, step("add", result(*nodes), middle)]


def token_mixer() -> Body:
    x = tokens()
    nodes = body(x, norm, swapped, lambda x: linear(x, 5), swapped)
    return [*nodes, step("add", result(*nodes), x)]


def merge(*, gated: bool = False) -> Body:
    coarse, fine = image(4, 4, 4), image(6)
    nodes = body(coarse, wide(6), upsampled)
    up = result(*nodes)
    if gated:
        nodes += body(
            up,
            mean,
            wide(6),
            lambda x: step("sigmoid", x),
            lambda x: step("mul", fine, x),
        )
    else:
        nodes.append(conv(fine, 6, 1))
    return [*nodes, step("add", up, result(*nodes))]


def same_size_merge() -> Body:
    nodes = [conv3(image(4)), conv(image(6), 4, 1)]
    return [*nodes, step("add", result(nodes[0]), result(nodes[1]))]


def levels() -> Body:
    nodes = [conv(image(channels), 4) for channels in (4, 6)]
    ends = [result(node) for node in nodes]
    return [*nodes, Rows(ends, [Value("y", (N, 128, 4), "float32")], 4)]


def crop(x: Value) -> Node:
    matrix = Value("matrix", (N, 4, 4), "float32")
    return TransformBilinear([x, matrix], [image(4, 6, 6)], (6, 6), 0.5)


def points(x: Value) -> Node:
    return Reshape([x], [Value("y", (N, 128, 2), "float32")], (N, 128, 2))


def moved(x: Value) -> Node:
    matrix = Value("matrix", (N, 4, 4), "float32")
    return TransformLandmarks([x, matrix], [Value("y", x.shape, "float32")], 1.0)


def nested(*makers: Maker) -> Body:
    """A residual block, then more."""
    x = image()
    inner = block(body(x, conv3, shortcut=True))
    nodes: Body = [inner]
    for make in makers:
        nodes.append(make(result(*nodes)))
    return nodes


def flattened(x: Value) -> Node:
    return Reshape([x], [Value("y", (1, 256), "float32")], (1, 256))


EXAMPLES: dict[str, tuple[Callable[[], Body], str, str]] = {
    "mlp": (lambda: mlp(tokens()).body, "Mlp", "mlp"),
    "mixer": (mixer, "MixerBlock", "mixer"),
    "half a mixer": (token_mixer, "TokenMixer", "mixer"),
    "squeeze and excite": (lambda: excite(image()), "SqueezeExcite", "excite"),
    "its factor alone": (lambda: gate(image()), "ChannelGate", "gate"),
    "pyramid": (merge, "PyramidMerge", "merge"),
    "gated pyramid": (lambda: merge(gated=True), "GatedMerge", "merge"),
    "merge of one size": (same_size_merge, "Merge", "merge"),
    "levels": (levels, "MultiScaleHead", "head"),
    "region": (lambda: body(image(), crop, conv3), "RegionEncoder", "encoder"),
    "region's landmarks": (
        lambda: body(image(), conv3, points, moved),
        "RegionHead",
        "head",
    ),
    "blaze": (
        lambda: body(image(), deep, wide(4), shortcut=True),
        "BlazeBlock",
        "block",
    ),
    "separable": (lambda: body(image(), deep, wide(6)), "SeparableConv", "separable"),
    "double blaze": (
        lambda: body(image(), deep, wide(2), relu, deep, wide(4), shortcut=True),
        "DoubleBlazeBlock",
        "block",
    ),
    "inverted": (
        lambda: body(image(), wide(8), relu, deep, relu, wide(4), shortcut=True),
        "InvertedResidual",
        "block",
    ),
    "inverted without a shortcut": (
        lambda: body(image(), wide(8), relu, deep, relu, wide(6)),
        "InvertedResidual",
        "block",
    ),
    "inverted with excitation": (
        lambda: body(image(), wide(8), deep, lambda x: block(excite(x)), wide(4), shortcut=True),
        "SEInvertedResidual",
        "block",
    ),
    "bottleneck": (
        lambda: body(image(), wide(2), relu, deep, wide(4), shortcut=True),
        "BottleneckBlock",
        "block",
    ),
    "bottleneck without a shortcut": (
        lambda: body(image(), wide(2), relu, deep, wide(4)),
        "ConvBlock",
        "block",
    ),
    "residual": (
        lambda: body(image(), conv3, relu, conv3, shortcut=True),
        "ResidualBlock",
        "block",
    ),
    "a head of blocks": (lambda: nested(wide(2)), "Head", "head"),
    "blocks and an activation": (
        lambda: nested(conv3, relu),
        "Encoder",
        "encoder",
    ),
    "what lays out its result": (
        lambda: body(image(), conv3, flattened),
        "Head",
        "head",
    ),
    "layers": (lambda: body(image(), conv3, relu, conv3), "ConvBlock", "block"),
}


def motif_of(whole: Block) -> Motif:
    return motifs_of(uses_of_classes([whole]))[whole.key]


@pytest.mark.parametrize(("make", "name", "role"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_names(make: Callable[[], Body], name: str, role: str) -> None:
    motif = motif_of(block(make()))
    assert (motif.name, motif.role) == (name, role)


def test_what_joins_two_values_is_no_head_of_several_levels() -> None:
    """Such a head lays them out as rows, one for each anchor."""
    b = Layers(seed=1)
    x, y = b.image(6, 6, 4), b.image(6, 6, 4)
    ends = []
    for name in ("TANH", "SIN"):
        first, second = (b.like(v, b.function(name, v.ref)) for v in (x, y))
        both = b.joined([b.convolve(first, 4, 3), b.convolve(second, 4, 5)])
        ends.append(b.convolve(both, 5, 3).ref)
    source = assert_same(b.build(ends), 1000).source
    assert source.count("(nn.Module)") == 2
    assert "MultiScaleHead" not in source


def test_all_uses_say_what_a_class_is() -> None:
    """A convolution that tiles the image in one of them is pointwise in another."""
    first, second = (
        block(body(image(), deep, lambda x, size=size: conv(x, 6, size, size))) for size in (2, 1)
    )
    assert first.key == second.key
    assert motif_of(first).name == "ConvBlock"
    for uses in ([first, second], [second, first]):
        assert motifs_of(uses_of_classes(uses))[first.key].name == "SeparableConv"
    whole = graph([*first.inputs, *second.inputs], [first, second])
    assert set(model_roles(whole, motifs_of(uses_of_classes(whole.nodes)), {}).values()) == {
        "separable"
    }


def test_every_other_block_has_a_plain_name() -> None:
    """The last entry fits all."""
    assert MOTIFS[-1].fits(Traits.of([block([pool(image())])], {}))
    names = [motif.name for motif in MOTIFS]
    assert all(name.isidentifier() and name[0].isupper() for name in names)


def roles(*nodes: Node, of: type[Node] = Conv2d) -> list[str]:
    found = layer_roles([block(nodes)])
    return [role for node, role in found.items() if isinstance(node, of)]


def test_pointwise_layers_are_called_by_what_they_do_to_channels() -> None:
    x = image()
    assert roles(*body(x, wide(8), deep, wide(4))) == ["expand", "depthwise", "project"]
    assert roles(*body(x, wide(2), deep, wide(4))) == ["reduce", "depthwise", "expand"]
    assert roles(*body(x, wide(8), wide(16))) == ["pointwise"] * 2
    assert roles(*body(x, wide(8), wide(4), wide(8))) == ["pointwise"] * 3
    assert roles(*body(x, wide(4), wide(4))) == ["pointwise"] * 2


@pytest.mark.parametrize("strides", [(2, 1), (1, 2)], ids=str)
def test_one_that_tiles_the_image_in_a_use_is_what_it_is_in_the_others(
    strides: tuple[int, int],
) -> None:
    """Whichever use shows the class: 2x2 at stride 2 in one, pointwise in the other."""
    b = Layers(seed=1)
    x = b.convolve(b.image(8, 8, 3), 4, 3)
    for stride in strides:
        y = b.depthwise(b.convolve(x, 2, stride, stride, activation=RELU))
        y = b.convolve(y, 4)
        x = b.sum(y, b.pool(x) if stride == 2 else x)
    source = assert_same(b.build([x.ref]), 500).source
    assert "self.reduce = nn.Conv2d(4, 2, kernel_size=stride, stride=stride)" in source
    assert "self.expand = nn.Conv2d(2, 4, 1)" in source
    assert "class BottleneckBlock" in source


def test_what_only_the_second_value_passes_is_lateral() -> None:
    assert roles(*merge()) == ["pointwise", "lateral"]
    coarse, fine = image(4, 4, 4), image(6)
    main = body(coarse, wide(6), upsampled)
    side = body(fine, deep, wide(6))
    total = step("add", result(*main), result(*side))
    assert roles(*main, *side, total) == [
        "pointwise",
        "lateral_depthwise",
        "lateral_pointwise",
    ]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (conv3, "conv"),
        (wide(2), "pointwise"),
        (deep, "depthwise"),
        (lambda x: conv(x, 8, groups=2), "grouped"),
        (lambda x: conv(x, 8, 2, 2), "conv"),
        (lambda x: linear(x, 3), "linear"),
        (prelu, "activation"),
        (norm, "norm"),
        (relu, ""),
        (pool, ""),
    ],
)
def test_kinds(make: Maker, name: str) -> None:
    assert kind_name(make(image())) == name


def test_slopes_are_no_layers() -> None:
    x = image()
    nodes = body(x, deep, prelu, wide(4), shortcut=True)
    assert any(isinstance(node, PRelu) for node in nodes)
    assert Traits.of([block(nodes)], {}).layers == ("depthwise", "pointwise")
    assert motif_of(block(nodes)).name == "BlazeBlock"
