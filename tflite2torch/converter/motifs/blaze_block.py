"""Depthwise separable convolutions, and BlazeFace's blocks of them (Bazarevsky et al., 2019)."""

from __future__ import annotations

from tflite2torch.converter.motifs.motif import Motif

BLAZE_BLOCK = Motif(
    "BlazeBlock",
    "block",
    lambda block: block.is_row("depthwise", "pointwise", shortcut=True),
)
SEPARABLE_CONV = Motif(
    "SeparableConv",
    "separable",
    lambda block: block.is_row("depthwise", "pointwise", shortcut=False),
)
DOUBLE_BLAZE_BLOCK = Motif(
    "DoubleBlazeBlock",
    "block",
    lambda block: block.is_row("depthwise", "reduce", "depthwise", "expand", shortcut=True),
)
