"""Official models of segmenters."""

from __future__ import annotations

from tflite2torch.converter.official.interface import Interface

SEGMENTERS: tuple[Interface, ...] = ()
