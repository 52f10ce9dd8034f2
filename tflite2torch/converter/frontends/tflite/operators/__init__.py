"""Contracts and builders of the TFLite operators, one module for each family.

Importing this package registers all of them.
"""

from tflite2torch.converter.frontends.tflite.operators import (  # noqa: F401
    concat,
    constant,
    conv,
    depth,
    elementwise,
    index,
    linear,
    matmul,
    mediapipe_landmarks,
    mediapipe_pooling,
    pad,
    pool,
    reduce,
    resize,
    shape,
    slicing,
    softmax,
    stack,
    transpose_conv,
)
