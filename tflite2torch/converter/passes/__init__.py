"""The rewrites that turn TFLite's graph into the one a PyTorch author would have drawn."""

from collections.abc import Callable, Sequence

from tflite2torch.converter.frontends.tflite.lowering.batch import follow_batch
from tflite2torch.converter.frontends.tflite.lowering.layout import (
    choose_layouts,
    merge_permutes,
)
from tflite2torch.converter.frontends.tflite.lowering.padding import spell_out_padding
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.passes.absorb import absorb_padding
from tflite2torch.converter.passes.duplicates import merge_duplicates
from tflite2torch.converter.passes.layer_norm import raise_layer_norms
from tflite2torch.converter.passes.order import order_nodes
from tflite2torch.converter.passes.rows import raise_rows
from tflite2torch.converter.passes.slices import merge_slices
from tflite2torch.converter.passes.tidy import tidy
from tflite2torch.converter.structure.blocks import find_blocks
from tflite2torch.converter.structure.mlps import find_mlps
from tflite2torch.converter.structure.repeats import find_repeats
from tflite2torch.converter.structure.stages import find_stages
from tflite2torch.converter.structure.variants import align_variants

PASSES: list[Callable[[Graph], None]] = [
    follow_batch,
    raise_layer_norms,
    tidy,
    choose_layouts,
    merge_permutes,
    merge_slices,
    raise_rows,
    tidy,
    absorb_padding,
    spell_out_padding,
    find_mlps,
    find_blocks,
    merge_duplicates,
    find_repeats,
    find_stages,
    order_nodes,
    align_variants,
]
"""In the order in which they run; each relies on what those before it have done."""

LITERAL: list[Callable[[Graph], None]] = [
    follow_batch,
    choose_layouts,
    spell_out_padding,
]
"""Those without which torch could not carry out the graph. They fold nothing: each TFLite
tensor keeps the node that gives it."""


def run_passes(
    graph: Graph, passes: Sequence[Callable[[Graph], None]] = PASSES
) -> None:
    """Rewrite a graph that comes from the reader, in place."""
    for rewrite in passes:
        rewrite(graph)
