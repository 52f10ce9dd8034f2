"""Decodes options of custom operators, which are FlexBuffers or C structs in raw bytes.

The verifier does not know their meaning, so that everything has to be checked here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from flatbuffers import flexbuffers

from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
)
from tflite2torch.converter.graph.value import shortest

T = TypeVar("T")

MAX_LIST = 2**16
"""Maximum length of a list; lists have fewer than 500 landmarks."""

SAME, VALID = 1, 2
"""TfLitePadding in TensorFlow Lite's core/c/builtin_op_data.h; the schema begins at 0."""

_INTEGERS = (flexbuffers.Type.INT, flexbuffers.Type.UINT)
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)
"""Exceptions of the FlexBuffers library for malformed bytes and missing keys."""


class FlexOptions:
    """Options stored as a FlexBuffers map; only those that are requested are decoded.

    ``integer``, ``number``, ``text`` and ``integers`` return an option by its name. They
    raise InvalidModelError if it is missing or has another type.
    """

    def __init__(self, call: OperatorCall) -> None:
        self._call = call
        self._bytes = call.operator.custom_options

    def __contains__(self, name: str) -> bool:
        return self._read(name, lambda option: True) is not None

    def integer(self, name: str) -> int:
        """Return an integer."""
        return self._get(name, "whole number", lambda o: int(o.AsInt) if o.IsInt else None)

    def number(self, name: str) -> float:
        """Return a finite number, rounded to float32, the type that kernels use."""
        return self._get(name, "finite float32 number", _finite)

    def text(self, name: str) -> str:
        """Return a string."""
        return self._get(name, "text", lambda o: str(o.AsString) if o.IsString else None)

    def integers(self, name: str) -> tuple[int, ...]:
        """Return a list of integers; kernels accept only a typed vector."""
        return self._get(name, "typed list of whole numbers", _integers)

    def _get(self, name: str, kind: str, convert: Callable[[Any], T | None]) -> T:
        value = self._read(name, convert)
        if value is None:
            raise self._call.damaged(f"its options have no {name} that is a {kind}")
        return value

    def _read(self, name: str, convert: Callable[[Any], T | None]) -> T | None:
        try:
            return convert(flexbuffers.GetRoot(self._bytes).AsMap[name])
        except _DAMAGED:
            return None


def _finite(option: Any) -> float | None:
    largest = float(np.finfo(np.float32).max)
    if option.IsNumeric and abs(option.AsFloat) <= largest:
        return shortest(option.AsFloat)
    return None


def _integers(option: Any) -> tuple[int, ...] | None:
    vector = option.AsTypedVector
    if vector.ElementType not in _INTEGERS or len(vector) > MAX_LIST:
        return None
    return tuple(int(item) for item in vector.Value)


def c_struct(call: OperatorCall, *fields: str) -> dict[str, int]:
    """Return the leading fields, by name, of options stored as a C struct of int32.

    Raises InvalidModelError if the options are too short.
    """
    data = call.operator.custom_options
    layout = struct.Struct(f"<{len(fields)}i")
    if len(data) < layout.size:
        raise call.damaged(f"{len(data)} bytes of options, where {layout.size} belong")
    return dict(zip(fields, layout.unpack_from(data), strict=True))
