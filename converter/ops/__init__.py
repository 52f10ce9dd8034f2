"""What each TFLite operator means: one file for each family."""

from converter.ops import (
    concat,
    constant,
    conv,
    depth,
    elementwise,
    index,
    linear,
    matmul,
    pad,
    pool,
    reduce,
    resize,
    shape,
    slicing,
    softmax,
    stack,
)
from converter.ops.registry import OPERATORS

__all__ = [
    "OPERATORS",
    "concat",
    "constant",
    "conv",
    "depth",
    "elementwise",
    "index",
    "linear",
    "matmul",
    "pad",
    "pool",
    "reduce",
    "resize",
    "shape",
    "slicing",
    "softmax",
    "stack",
]
