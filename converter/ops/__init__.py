"""What each TFLite operator means: one file for each family."""

from converter.ops import (
    concat,
    constant,
    conv,
    elementwise,
    linear,
    pad,
    pool,
    reduce,
    shape,
    slicing,
)
from converter.ops.registry import OPERATORS

__all__ = [
    "OPERATORS",
    "concat",
    "constant",
    "conv",
    "elementwise",
    "linear",
    "pad",
    "pool",
    "reduce",
    "shape",
    "slicing",
]
