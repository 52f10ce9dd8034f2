"""Finds blocks, repeats and stages in a graph."""

from tflite2torch.converter.graph.rewriting import Pass
from tflite2torch.converter.passes.common_subexpression_elimination import (
    eliminate_common_subexpressions,
)
from tflite2torch.converter.passes.topological_sort import topological_sort
from tflite2torch.converter.structure.blocks import find_blocks
from tflite2torch.converter.structure.mlps import find_mlps
from tflite2torch.converter.structure.repeats import find_repeats
from tflite2torch.converter.structure.stages import find_stages
from tflite2torch.converter.structure.variants import align_variants

STEPS: list[Pass] = [
    find_mlps,
    find_blocks,
    eliminate_common_subexpressions,
    find_repeats,
    find_stages,
    topological_sort,
    align_variants,
]
"""In the order in which they run."""
