"""The rewrites from a lowered graph to one that a PyTorch author would have written."""

from tflite2torch.converter.graph.rewriting import Pass
from tflite2torch.converter.passes.dead_code_elimination import eliminate_dead_code
from tflite2torch.converter.passes.explain_units import explain_units
from tflite2torch.converter.passes.fold_matrix_units import fold_matrix_units
from tflite2torch.converter.passes.fuse_anchor_rows import fuse_anchor_rows
from tflite2torch.converter.passes.fuse_pad_into_conv import fuse_pad_into_conv
from tflite2torch.converter.passes.merge_permutes import merge_permutes
from tflite2torch.converter.passes.merge_slices import merge_slices
from tflite2torch.converter.passes.raise_layer_norms import raise_layer_norms
from tflite2torch.converter.passes.vectorize_outputs import vectorize_outputs

RAISING: list[Pass] = [
    raise_layer_norms,
    # Removes that arithmetic, and identities.
    eliminate_dead_code,
]
"""Run before a front end chooses layouts: a LayerNorm needs its channels last, which loose
arithmetic does not, and an identity keeps the layouts on its two sides apart."""

PASSES: list[Pass] = [
    merge_permutes,
    merge_slices,
    # Needs merged permutes: it looks for a single one before each reshape.
    fuse_anchor_rows,
    fold_matrix_units,
    vectorize_outputs,
    # Removes what the passes above have bypassed, and permutes that cancelled out.
    eliminate_dead_code,
    # Needs dead code gone: a pad with a second reader, be it a dead one, cannot be fused.
    fuse_pad_into_conv,
    explain_units,
]
"""The passes in execution order."""
