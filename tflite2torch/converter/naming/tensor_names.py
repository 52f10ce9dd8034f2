"""Finds the role of a tensor in its name, as TensorFlow and Keras give names.

The names are the exporting framework's, not the file format's: a Keras layer's name reaches
an ONNX file just as it reaches a TFLite file. A name that follows other conventions is
either a plain word, and used as it is, or ignored.
"""

from __future__ import annotations

import re

from tflite2torch.converter.naming.names import identifier

MEANINGLESS = frozenset(
    """
    activation add addv2 average_pooling2d batch_normalization bias biasadd
    channel_padding concat concatenation conv conv2d conv2d_transpose convolution
    const constant dense depth_to_space depthwise depthwise_conv2d dequantize dropout elu
    expand_dims flatten functional fusedbatchnormv3 gather global_average_pooling2d
    h_swish hard_swish identity input kernel lambda leaky_relu matmul max_pool
    max_pooling2d maxpool mean model mul multiply multiply_by_constant output
    p_re_lu pad partitionedcall prelu re_lu readvariableop relu reshape resize
    resize_bilinear resource separable_conv2d sigmoid softmax split squeeze stack
    stateful_partitioned_call statefulpartitionedcall strided_slice sub subtract
    tensordot tf_math_sigmoid tf_op_layer transpose up_sampling2d upsample
    zero_padding2d
    """.replace("_", "").split()
)
"""Default names of layers and operations, without underscores: they are no roles."""

TECHNICAL = frozenset({"compat", "conv2d", "depthwise", "pointwise", "separable", "xeno"})
"""Words for how a tensor is computed, as in ``add_10__xeno_compat__1``."""


def role_in_name(name: str) -> str | None:
    """Return the role in a tensor's name, as an identifier; None without one.

    Names are paths of scopes and operations, several of them joined by ``;`` where operators
    were fused: ``model/regressor_8/BiasAdd;model/regressor_8/Conv2D`` → ``regressor_8``.
    """
    first = name.split(";")[0].split(":")[0].removeprefix("serving_default_")
    path = first.removesuffix("_dequantize").split("/")
    for part in reversed(path[-2:]):
        # Operations are CamelCase by convention: BiasAdd, Conv2D_1.
        if re.fullmatch(r"[A-Z][A-Za-z0-9]*(_\d+)?", part):
            continue
        role = _without_affixes(identifier(part, ""))
        stem = re.sub(r"(_?\d+)+$", "", role)
        plain = len(stem) > 2 and stem[0].isalpha()
        plain = plain and stem.replace("_", "") not in MEANINGLESS
        if plain and TECHNICAL.isdisjoint(role.split("_")):
            return role
    return None


def _without_affixes(name: str) -> str:
    """Drop affixes that only mark a layer, an output, or a tensor that is not pruned."""
    shorter = re.sub(
        r"^((conv|dense|output|reshaped)_)+|^conv(?!e|o)(?=[a-z0-9]+_)"
        r"|((_no_pruning)|(_identity))+$",
        "",
        name,
    )
    return identifier(shorter) if len(shorter) > 2 and shorter[0].isalpha() else name
