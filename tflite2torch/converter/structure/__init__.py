"""Finds blocks, repeats and stages in a graph."""

from collections.abc import Sequence
from functools import partial

from tflite2torch.converter.graph.rewriting import Pass
from tflite2torch.converter.passes.common_subexpression_elimination import (
    eliminate_common_subexpressions,
)
from tflite2torch.converter.passes.topological_sort import topological_sort
from tflite2torch.converter.structure.blocks import find_blocks
from tflite2torch.converter.structure.repeats import find_repeats
from tflite2torch.converter.structure.stages import find_stages
from tflite2torch.converter.structure.structure import Chain
from tflite2torch.converter.structure.variants import align_variants


def structure_steps(chains: Sequence[Chain]) -> list[Pass]:
    """Return the passes that find structure, in the order in which they run.

    Args:
        chains: known chains of layers that are blocks even without a shortcut.
    """
    return [
        partial(find_blocks, chains=chains),
        # After find_blocks: two regions that share a node have uses outside, and are no blocks.
        eliminate_common_subexpressions,
        partial(find_repeats, chains=chains),
        find_stages,
        topological_sort,
        partial(align_variants, chains=chains),
    ]
