"""Sums of features of two levels, as in a feature pyramid (Lin et al., 2017)."""

from __future__ import annotations

from tflite2torch.converter.graph.nodes.resize import Resize
from tflite2torch.converter.motifs.motif import Motif

GATED_MERGE = Motif(
    "GatedMerge",
    "merge",
    lambda block: block.has(Resize) and block.joins and block.gates,
    "Adds a finer level, gated channel by channel, to upsampled features.",
)
PYRAMID_MERGE = Motif(
    "PyramidMerge",
    "merge",
    lambda block: block.has(Resize) and block.joins,
    "Adds a finer level to upsampled features.",
)
MERGE = Motif(
    "Merge",
    "merge",
    lambda block: block.entries == 2 and block.joins,
    "Adds the features of two levels.",
)
