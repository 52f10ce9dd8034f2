"""The rewrites that turn TFLite's graph into the one a PyTorch author would have drawn."""

from collections.abc import Callable, Sequence

from converter.graph import Graph
from converter.passes.absorb import absorb_padding
from converter.passes.activations import split_activations
from converter.passes.batch import follow_batch
from converter.passes.blocks import find_blocks
from converter.passes.duplicates import merge_duplicates
from converter.passes.layer_norm import raise_layer_norms
from converter.passes.layout import choose_layouts, merge_permutes
from converter.passes.mlps import find_mlps
from converter.passes.order import order_nodes
from converter.passes.padding import spell_out_padding
from converter.passes.repeats import find_repeats
from converter.passes.rows import raise_rows
from converter.passes.slices import merge_slices
from converter.passes.stages import find_stages
from converter.passes.tidy import tidy
from converter.passes.variants import align_variants

PASSES: list[Callable[[Graph], None]] = [
    split_activations,
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
    split_activations,
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
