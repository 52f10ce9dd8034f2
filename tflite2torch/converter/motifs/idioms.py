"""What motifs are called, by those who build networks of them: a table to extend.

The first entry that fits a block gives the name of its class, the name of attributes that
hold it, and, where its layers do not say it all, what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import Elementwise, PRelu
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.reduce import Reduce
from tflite2torch.converter.graph.nodes.region import (
    TransformBilinear,
    TransformLandmarks,
)
from tflite2torch.converter.graph.nodes.resize import Resize
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape, Rows
from tflite2torch.converter.graph.nodes.transpose_conv import ConvTranspose2d
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.structure import (
    Block,
    Skipped,
    Stage,
    Structure,
    is_join,
    is_layer,
    operands,
)


@dataclass(frozen=True)
class Motif:
    """What a block is told by.

    Attributes:
        nodes: its steps.
        layers: what its layers are called.
        blocks: what the classes of the blocks that it holds are called.
        entries: how many values it reads.
    """

    nodes: Sequence[Node]
    layers: tuple[str, ...]
    blocks: tuple[str, ...]
    entries: int

    def has(self, *kinds: type[Node]) -> bool:
        """Whether one of its steps is of these types."""
        return any(isinstance(_there(node), kinds) for node in self.nodes)

    def computes(self, function: str) -> bool:
        """Whether one of its steps is this function of elements."""
        return any(
            isinstance(n, Elementwise) and n.function == function for n in self.nodes
        )

    @property
    def joins(self) -> bool:
        """Whether it adds what comes along two ways."""
        return any(is_join(_there(node)) for node in self.nodes)

    @property
    def ends_plainly(self) -> bool:
        """Whether it ends with a layer without activation."""
        return bool(self.nodes[-1].parameters) and not isinstance(self.nodes[-1], PRelu)

    @property
    def gates(self) -> bool:
        """Whether it makes factors between 0 and 1 of pooled features."""
        return self.has(Pool2d, Reduce) and self.computes("sigmoid")

    @property
    def scales(self) -> bool:
        """Whether it multiplies two computed values."""
        return any(
            isinstance(node, Elementwise)
            and node.function == "mul"
            and len(operands(node)) == 2
            for node in self.nodes
        )


@dataclass(frozen=True)
class Idiom:
    """A motif's usual name.

    Attributes:
        name: of its class.
        role: of an attribute that holds it.
        fits: tells whether a block is one.
        text: what it does, where naming its layers does not say it.
    """

    name: str
    role: str
    fits: Callable[[Motif], bool]
    text: str = ""


def layers(*names: str, shortcut: bool) -> Callable[[Motif], bool]:
    """Return what tells blocks of these layers in a row, with or without a shortcut."""
    return lambda m: m.layers == names and m.joins == shortcut and m.entries == 1


IDIOMS = (
    Idiom(
        "MixerBlock",
        "mixer",
        lambda m: m.blocks == ("Mlp", "Mlp") and m.layers == ("norm", "norm"),
        "Mixes tokens, then channels, each added to a shortcut.",
    ),
    Idiom(
        "Mlp",
        "mlp",
        lambda m: m.layers == ("linear", "linear") and not m.joins,
        "Two linear layers with an activation between them.",
    ),
    Idiom(
        "SqueezeExcite",
        "excite",
        lambda m: m.gates and m.scales and not m.joins,
        "Scales each channel by a factor that follows from the means of all.",
    ),
    Idiom(
        "ChannelGate",
        "gate",
        lambda m: m.gates and not m.scales,
        "Makes a factor for each channel of the means of all.",
    ),
    Idiom(
        "GatedMerge",
        "merge",
        lambda m: m.has(Resize) and m.joins and m.gates,
        "Adds a finer level, gated channel by channel, to upsampled features.",
    ),
    Idiom(
        "PyramidMerge",
        "merge",
        lambda m: m.has(Resize) and m.joins,
        "Adds a finer level to upsampled features.",
    ),
    Idiom(
        "Merge",
        "merge",
        lambda m: m.entries == 2 and m.joins,
        "Adds the features of two levels.",
    ),
    Idiom(
        "RegionEncoder",
        "encoder",
        lambda m: m.has(TransformBilinear),
        "Crops a region, turned upright, and encodes it.",
    ),
    Idiom(
        "RegionHead",
        "head",
        lambda m: m.has(TransformLandmarks),
        "Finds landmarks in a region's features, and maps them to the image.",
    ),
    Idiom(
        "MultiScaleHead",
        "head",
        lambda m: m.entries > 1 and m.has(Rows),
        "Reads the same from several levels, one row for each anchor.",
    ),
    Idiom("Head", "head", lambda m: m.has(Permute, Reshape, Rows) and not m.joins),
    Idiom("BlazeBlock", "block", layers("depthwise", "pointwise", shortcut=True)),
    Idiom(
        "SeparableConv", "separable", layers("depthwise", "pointwise", shortcut=False)
    ),
    Idiom(
        "DoubleBlazeBlock",
        "block",
        layers("depthwise", "reduce", "depthwise", "expand", shortcut=True),
    ),
    Idiom(
        "InvertedResidual",
        "block",
        lambda m: m.layers == ("expand", "depthwise", "project") and not m.blocks,
    ),
    Idiom(
        "SEInvertedResidual",
        "block",
        lambda m: (
            m.layers == ("expand", "depthwise", "project")
            and m.blocks == ("SqueezeExcite",)
        ),
    ),
    Idiom(
        "BottleneckBlock",
        "block",
        layers("reduce", "depthwise", "expand", shortcut=True),
    ),
    Idiom("TokenMixer", "mixer", lambda m: m.has(Permute, LayerNorm) and m.joins),
    Idiom("ResidualBlock", "block", lambda m: m.joins),
    Idiom("Head", "head", lambda m: bool(m.blocks) and m.ends_plainly),
    Idiom("Encoder", "encoder", lambda m: bool(m.blocks)),
    Idiom("ConvBlock", "block", lambda m: True),
)


def idioms_of(classes: Mapping[Structure, Sequence[Block]]) -> dict[Structure, Idiom]:
    """Return what classes are called, given the uses of each, of inner blocks' ones first."""
    idioms: dict[Structure, Idiom] = {}
    for key, uses in classes.items():
        motif = motif_of(uses, idioms)
        idioms[key] = next(idiom for idiom in IDIOMS if idiom.fits(motif))
    return idioms


def motif_of(uses: Sequence[Block], idioms: Mapping[Structure, Idiom]) -> Motif:
    """Return what the blocks of one class are told by; ``idioms`` are those of inner ones."""
    roles = layer_roles(uses)
    body = uses[0].body
    inner = [b for n in body for b in (n.blocks if isinstance(n, Stage) else [n])]
    return Motif(
        body,
        tuple(roles[n] for n in body if n.parameters and not isinstance(n, PRelu)),
        tuple(idioms[b.key].name for b in inner if isinstance(b, Block)),
        len(uses[0].inputs),
    )


def _there(node: Node) -> Node:
    return node.other if isinstance(node, Skipped) else node


def layer_roles(uses: Sequence[Block]) -> dict[Node, str]:
    """Return what the first use's layers are called, by kind and what they do to channels.

    A convolution that is pointwise in one use is called so in all.
    """
    plain = max(uses, key=lambda use: sum(n.variant == "pointwise" for n in use.body))
    roles = {n: kind for n in plain.body if (kind := kind_name(n))}
    pointwise = [node for node in roles if roles[node] == "pointwise"]
    if any(isinstance(node, Rows) for node in plain.body):
        roles = {n: "level" if is_layer(n) else kind for n, kind in roles.items()}
    elif len(plain.inputs) > 1:
        roles |= _lateral_roles(plain, roles)
    elif len(pointwise) == 2:
        wider = [_widens(node) for node in pointwise]
        if wider == [True, False]:
            roles |= zip(pointwise, ("expand", "project"), strict=True)
        elif wider == [False, True]:
            roles |= zip(pointwise, ("reduce", "expand"), strict=True)
    pairs = zip(uses[0].body, plain.body, strict=True)
    return {node: roles[other] for node, other in pairs if other in roles}


def _lateral_roles(block: Block, roles: Mapping[Node, str]) -> dict[Node, str]:
    """Return what the layers are called that only the second value that it reads passes."""
    entered: dict[Value, set[Value]] = {value: {value} for value in block.inputs}
    lateral: list[Node] = []
    for node in block.body:
        sources = set().union(*(entered.get(v, set()) for v in operands(node)))
        entered |= dict.fromkeys(node.outputs, sources)
        if sources == {block.inputs[1]} and node in roles and is_layer(node):
            lateral.append(node)
    if len(lateral) == 1:
        return {lateral[0]: "lateral"}
    return {node: f"lateral_{roles[node]}" for node in lateral}


def _widens(node: Node) -> bool:
    outputs, inputs = node.parameters["weight"].shape[:2]
    return outputs > inputs


def kind_name(node: Node) -> str:
    """Return what a layer is called where nothing more is known of it."""
    match node:
        case PRelu():
            return "activation"
        case LayerNorm():
            return "norm"
        case Linear():
            return "linear"
        case Conv2d(variant="patch"):
            return "conv"
        case Conv2d():
            return node.variant
        case ConvTranspose2d():
            return "upsample"
        case Node() if node.parameters:
            return "layer"
        case _:
            return ""
