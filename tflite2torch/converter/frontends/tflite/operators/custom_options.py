"""Options of custom operators, which are raw bytes: FlexBuffers, and C structs.

TFLite knows nothing of what is in them, so that nothing of it has been verified before.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from flatbuffers import flexbuffers

from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    shortest,
)

T = TypeVar("T")

MAX_LIST = 2**16
"""The most elements of a list; there are fewer than 500 landmarks."""

_INTEGERS = (flexbuffers.Type.INT, flexbuffers.Type.UINT)
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the FlexBuffers library raises where the bytes are none, or lack a key."""


class FlexOptions:
    """Options that are a FlexBuffers map, of which only what is asked for is read.

    ``integer``, ``number``, ``text`` and ``integers`` return an option by its name. They
    raise InvalidModelError where there is none, or one of another type.
    """

    def __init__(self, call: OperatorCall) -> None:
        self._call = call
        self._bytes = call.operator.custom_options

    def __contains__(self, name: str) -> bool:
        return self._read(name, lambda option: True) is not None

    def integer(self, name: str) -> int:
        """Return a whole number."""
        return self._get(
            name, "whole number", lambda o: int(o.AsInt) if o.IsInt else None
        )

    def number(self, name: str) -> float:
        """Return a finite number, rounded to float32 as kernels have it."""
        return self._get(name, "finite float32 number", _finite)

    def text(self, name: str) -> str:
        """Return a text."""
        return self._get(
            name, "text", lambda o: str(o.AsString) if o.IsString else None
        )

    def integers(self, name: str) -> tuple[int, ...]:
        """Return a list of whole numbers, which kernels take only as a typed vector."""
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
    """Return the leading fields of options that are a C struct of 32-bit integers.

    Raises InvalidModelError where there are fewer bytes.
    """
    data = call.operator.custom_options
    layout = struct.Struct(f"<{len(fields)}i")
    if len(data) < layout.size:
        raise call.damaged(f"{len(data)} bytes of options, where {layout.size} belong")
    return dict(zip(fields, layout.unpack_from(data), strict=True))
