"""The motifs that blocks are recognized as: one list, to extend."""

from collections.abc import Mapping, Sequence

from tflite2torch.converter.motifs.blaze_block import (
    BLAZE_BLOCK,
    DOUBLE_BLAZE_BLOCK,
    SEPARABLE_CONV,
)
from tflite2torch.converter.motifs.head import HEAD, HEAD_OF_BLOCKS, MULTI_SCALE_HEAD
from tflite2torch.converter.motifs.inverted_residual import (
    INVERTED_RESIDUAL,
    SE_INVERTED_RESIDUAL,
)
from tflite2torch.converter.motifs.merge import GATED_MERGE, MERGE, PYRAMID_MERGE
from tflite2torch.converter.motifs.mixer import MIXER_BLOCK, TOKEN_MIXER
from tflite2torch.converter.motifs.mlp import MLP
from tflite2torch.converter.motifs.motif import Motif, Traits
from tflite2torch.converter.motifs.region import REGION_ENCODER, REGION_HEAD
from tflite2torch.converter.motifs.residual import (
    BOTTLENECK_BLOCK,
    CONV_BLOCK,
    ENCODER,
    RESIDUAL_BLOCK,
)
from tflite2torch.converter.motifs.squeeze_excite import CHANNEL_GATE, SQUEEZE_EXCITE
from tflite2torch.converter.structure.structure import Block, Structure

MOTIFS = (
    MIXER_BLOCK,
    MLP,
    SQUEEZE_EXCITE,
    CHANNEL_GATE,
    GATED_MERGE,
    PYRAMID_MERGE,
    MERGE,
    REGION_ENCODER,
    REGION_HEAD,
    MULTI_SCALE_HEAD,
    HEAD,
    BLAZE_BLOCK,
    SEPARABLE_CONV,
    DOUBLE_BLAZE_BLOCK,
    INVERTED_RESIDUAL,
    SE_INVERTED_RESIDUAL,
    BOTTLENECK_BLOCK,
    TOKEN_MIXER,
    RESIDUAL_BLOCK,
    HEAD_OF_BLOCKS,
    ENCODER,
    CONV_BLOCK,
)
"""All motifs in matching order: the first that matches a block wins, the last matches any."""

CHAINS = [motif.chain for motif in MOTIFS if motif.chain is not None]
"""The chains of layers that structure is to fold even without a shortcut."""


def motifs_of(classes: Mapping[Structure, Sequence[Block]]) -> dict[Structure, Motif]:
    """Return the motif of each class, given its uses; inner classes come first."""
    motifs: dict[Structure, Motif] = {}
    for key, uses in classes.items():
        traits = Traits.of(uses, motifs)
        motifs[key] = next(motif for motif in MOTIFS if motif.fits(traits))
    return motifs
