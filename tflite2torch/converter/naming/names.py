"""Names: from what a file calls things, and from the role that things play."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Sequence

LONGEST = 64
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
"""What Keras and the converter call things for want of a better name, without underscores."""

TECHNICAL = frozenset(
    {"compat", "conv2d", "depthwise", "pointwise", "separable", "xeno"}
)
"""Words of names that say how something is computed, not what it is.

Official files have many an ``add_10__xeno_compat__1``: what a converter put there.
"""

GLOBALS = frozenset(
    """
    F Tensor False None True crop_matrix crop_matrix_v1 depth_to_space float
    max_pool_with_argmax max_unpool mirror_pad nearest_corners nn padded_average range
    resize_asymmetric resize_nearest_corners rows space_to_depth super torch
    transform_bilinear transform_landmarks tuple
    """.split()
)
"""What an emitted module calls by a plain name, the helpers' functions among it."""

MODULE_ATTRIBUTES = frozenset(
    """
    add_module apply bfloat16 buffers call_super_init children compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state
    get_parameter get_submodule half ipu load_state_dict modules mtia named_buffers
    named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule
    share_memory state_dict to to_empty train training type xpu zero_grad self
    """.split()
)
"""What an attribute of an ``nn.Module`` must not be called."""


def identifier(text: str, fallback: str = "model") -> str:
    """Reduce any text to ``[a-z][a-z0-9_]*``, at most 64 long and no Python keyword."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    reduced = re.sub(r"[^a-z0-9]+", "_", words.lower())
    reduced = reduced.strip("_")[:LONGEST].strip("_")
    if not reduced or not reduced[0].isalpha():
        reduced = f"{fallback}_{reduced}".strip("_")[:LONGEST]
    return f"{reduced}_" if keyword.iskeyword(reduced) else reduced


def class_name(text: str) -> str:
    """Return an identifier in CamelCase: ``face_detector`` → ``FaceDetector``."""
    name = "".join(word.capitalize() for word in identifier(text).split("_"))
    return f"{name}Model" if name in GLOBALS else name


def meaningful(tflite_name: str) -> str | None:
    """Return what a TFLite name says of a tensor's role, or None where it says nothing.

    Names are paths, several of them joined by ``;`` where operators were fused. The last
    part that is not the name of an operation counts.
    """
    name = tflite_name.split(";")[0].split(":")[0].removeprefix("serving_default_")
    path = name.removesuffix("_dequantize").split("/")
    for part in reversed(path[-2:]):
        reduced = _without_affixes(identifier(part, ""))
        stem = re.sub(r"(_?\d+)+$", "", reduced)
        plain = stem.replace("_", "")
        named = len(stem) > 2 and stem[0].isalpha() and plain not in MEANINGLESS
        if named and not _operation(part) and TECHNICAL.isdisjoint(reduced.split("_")):
            return reduced
    return None


def _without_affixes(name: str) -> str:
    """Drop what only says that it is a layer, an output, or not pruned."""
    shorter = re.sub(
        r"^((conv|dense|output|reshaped)_)+|^conv(?!e|o)(?=[a-z0-9]+_)"
        r"|((_no_pruning)|(_identity))+$",
        "",
        name,
    )
    return identifier(shorter) if len(shorter) > 2 and shorter[0].isalpha() else name


def _operation(part: str) -> bool:
    """Whether a part of a path is a TensorFlow operation, CamelCase by convention."""
    return bool(re.fullmatch(r"[A-Z][A-Za-z0-9]*(_\d+)?", part))


def numbered(names: Sequence[str]) -> list[str]:
    """Return names with those that are there several times numbered from 1."""
    count, given = Counter(names), Counter[str]()
    found = []
    for name in names:
        given[name] += 1
        found.append(_with_number(name, given[name]) if count[name] > 1 else name)
    return found


def _with_number(name: str, number: int) -> str:
    return f"{name}_{number}" if name[-1:].isdigit() else f"{name}{number}"


class Namespace:
    """Hands out names that are unique within one scope."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)

    def unique(self, wanted: str) -> str:
        """Return the name, numbered from 2 where it is taken."""
        chosen, number = wanted, 2
        while chosen in self._taken:
            chosen, number = _with_number(wanted, number), number + 1
        self._taken.add(chosen)
        return chosen
