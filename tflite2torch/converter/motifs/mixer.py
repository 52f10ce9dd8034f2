"""The blocks of MLP-Mixer (Tolstikhin et al., 2021): MLPs across tokens and channels."""

from __future__ import annotations

from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.nodes.shape import Permute
from tflite2torch.converter.motifs.motif import Motif

MIXER_BLOCK = Motif(
    "MixerBlock",
    "mixer",
    lambda block: block.blocks == ("Mlp", "Mlp") and block.layers == ("norm", "norm"),
    "Mixes tokens, then channels, each added to a shortcut.",
)
TOKEN_MIXER = Motif(
    "TokenMixer", "mixer", lambda block: block.has(Permute, LayerNorm) and block.joins
)
