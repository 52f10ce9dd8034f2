"""Official models of hands."""

from __future__ import annotations

from tflite2torch.converter.official.interface import Interface

HANDS: tuple[Interface, ...] = ()
