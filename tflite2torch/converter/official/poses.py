"""Official models of poses."""

from __future__ import annotations

from tflite2torch.converter.official.interface import Interface

POSES: tuple[Interface, ...] = ()
