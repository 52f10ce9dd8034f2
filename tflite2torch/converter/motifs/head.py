"""Heads: layers from features to outputs."""

from __future__ import annotations

from tflite2torch.converter.graph.nodes.elementwise import PRelu
from tflite2torch.converter.graph.nodes.shape import Permute, Reshape, Rows
from tflite2torch.converter.motifs.motif import Motif, Traits

MULTI_SCALE_HEAD = Motif(
    "MultiScaleHead",
    "head",
    lambda block: block.entries > 1 and block.has(Rows),
    "Reads the same from several levels, one row for each anchor.",
)
HEAD = Motif(
    "Head",
    "head",
    lambda block: block.has(Permute, Reshape, Rows) and not block.joins,
)


def _ends_with_a_layer(block: Traits) -> bool:
    last = block.nodes[-1]
    return bool(last.parameters) and not isinstance(last, PRelu)


HEAD_OF_BLOCKS = Motif(
    "Head", "head", lambda block: bool(block.blocks) and _ends_with_a_layer(block)
)
