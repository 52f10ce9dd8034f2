"""Two linear layers with an activation between them."""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.shape import Permute
from tflite2torch.converter.motifs.motif import Motif
from tflite2torch.converter.structure.structure import Block, Chain, is_activation


def _is_mlp(nodes: Sequence[Node]) -> bool:
    match nodes:
        case [Linear(), middle, Linear()]:
            return is_activation(middle)
        case _:
            return False


def _role_among(block: Block, nodes: Sequence[Node]) -> str:
    """Return which of a mixer's two MLPs it is: the one for tokens reads them transposed."""
    transposed = {v for n in nodes if isinstance(n, Permute) for v in n.outputs}
    if not transposed:
        return "mlp"
    return "token_mlp" if block.inputs[0] in transposed else "channel_mlp"


MLP = Motif(
    "Mlp",
    "mlp",
    lambda block: block.layers == ("linear", "linear") and not block.joins,
    "Two linear layers with an activation between them.",
    Chain(layers=2, shortcut=False, matches=_is_mlp),
    _role_among,
)
