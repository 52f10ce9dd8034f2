"""Gates of channels that follow from their means (Squeeze-and-Excitation, Hu et al., 2018)."""

from __future__ import annotations

from tflite2torch.converter.motifs.motif import Motif

SQUEEZE_EXCITE = Motif(
    "SqueezeExcite",
    "excite",
    lambda block: block.gates and block.scales and not block.joins,
    "Scales each channel by a factor that follows from the means of all.",
)
CHANNEL_GATE = Motif(
    "ChannelGate",
    "gate",
    lambda block: block.gates and not block.scales,
    "Makes a factor for each channel of the means of all.",
)
