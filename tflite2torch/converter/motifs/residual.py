"""Residual blocks (He et al., 2016), and the plain names of all other blocks."""

from __future__ import annotations

from tflite2torch.converter.motifs.motif import Motif

BOTTLENECK_BLOCK = Motif(
    "BottleneckBlock",
    "block",
    lambda block: block.is_row("reduce", "depthwise", "expand", shortcut=True),
)
RESIDUAL_BLOCK = Motif("ResidualBlock", "block", lambda block: block.joins)
ENCODER = Motif("Encoder", "encoder", lambda block: bool(block.blocks))
CONV_BLOCK = Motif("ConvBlock", "block", lambda block: True)
