"""MobileNetV2's block (Sandler et al., 2018): expand, convolve channel by channel, project.

It has a shortcut where the shape stays; where it does not, it is a block all the same.
MobileNetV3 puts a squeeze-and-excitation into it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.motifs.motif import Motif
from tflite2torch.converter.structure.structure import Block, Chain, is_layer

LAYERS = ("expand", "depthwise", "project")


def is_inverted(nodes: Sequence[Node]) -> bool:
    """Return whether layers expand, convolve each channel by itself, and project."""
    layers = [node for node in nodes if is_layer(node) and not isinstance(node, Block)]
    if [node.variant for node in layers] != ["pointwise", "depthwise", "pointwise"]:
        return False
    if nodes[0] is not layers[0] or nodes[-1] is not layers[-1]:
        return False
    wide, narrow = (layers[i].parameters["weight"].shape[0] for i in (0, 2))
    return layers[0].parameters["weight"].shape[1] < wide > narrow


INVERTED_RESIDUAL = Motif(
    "InvertedResidual",
    "block",
    lambda block: block.layers == LAYERS and not block.blocks,
    chain=Chain(layers=3, shortcut=True, matches=is_inverted),
)
SE_INVERTED_RESIDUAL = Motif(
    "SEInvertedResidual",
    "block",
    lambda block: block.layers == LAYERS and block.blocks == ("SqueezeExcite",),
)
