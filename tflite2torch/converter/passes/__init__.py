"""The rewrites that turn a lowered graph into the one a PyTorch author would have drawn."""

from tflite2torch.converter.graph.rewriting import Pass
from tflite2torch.converter.passes.dead_code_elimination import eliminate_dead_code
from tflite2torch.converter.passes.fuse_anchor_rows import fuse_anchor_rows
from tflite2torch.converter.passes.fuse_pad_into_conv import fuse_pad_into_conv
from tflite2torch.converter.passes.merge_permutes import merge_permutes
from tflite2torch.converter.passes.merge_slices import merge_slices
from tflite2torch.converter.passes.raise_layer_norms import raise_layer_norms

RAISING: list[Pass] = [
    raise_layer_norms,
    eliminate_dead_code,
]
"""Run before a front end chooses layouts: a LayerNorm needs its channels last, which loose
arithmetic does not, and an identity keeps the layouts on its two sides apart."""

PASSES: list[Pass] = [
    merge_permutes,
    merge_slices,
    fuse_anchor_rows,
    eliminate_dead_code,
    fuse_pad_into_conv,
]
"""In the order in which they run; each relies on what those before it have done."""
