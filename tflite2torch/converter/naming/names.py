"""Identifiers: made from any text, reserved ones, and unique ones within a scope."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Sequence

LONGEST = 64
"""The most characters of an identifier."""

GLOBALS = frozenset(
    """
    crop_matrix crop_matrix_v1 crop_rectangle_matrix depth_to_space F False float isinstance
    list max_pool_with_argmax max_unpool mirror_pad NamedTuple nearest_corners nn None
    padded_average range resize_asymmetric resize_nearest_corners rows space_to_depth super
    Tensor torch transform_bilinear transform_landmarks True tuple ValueError
    """.split()
)
"""Names that an emitted module uses as they are, those of helper functions among them."""

CLASS_ATTRIBUTES = frozenset({"anchor_grid", "input_range", "input_size"})
"""Attributes that the class of a model may have, see ``writer.interface``."""

MODULE_ATTRIBUTES = CLASS_ATTRIBUTES | frozenset(
    """
    add_module apply bfloat16 buffers call_super_init children compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu load_state_dict modules mtia named_buffers
    named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
    set_submodule share_memory state_dict to to_empty train training type xpu zero_grad self
    """.split()
)
"""Names that a part of a module must not have: the module's own."""


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


def numbered(names: Sequence[str]) -> list[str]:
    """Return the names; those that occur several times are numbered from 1."""
    count, given = Counter(names), Counter[str]()
    found = []
    for name in names:
        given[name] += 1
        found.append(_with_number(name, given[name]) if count[name] > 1 else name)
    return found


def _with_number(name: str, number: int) -> str:
    return f"{name}_{number}" if name[-1:].isdigit() else f"{name}{number}"


class Namespace:
    """Makes names that are unique within one scope."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)

    def unique(self, wanted: str) -> str:
        """Return the name, numbered from 2 where it is taken."""
        chosen, number = wanted, 2
        while chosen in self._taken:
            chosen, number = _with_number(wanted, number), number + 1
        self._taken.add(chosen)
        return chosen
