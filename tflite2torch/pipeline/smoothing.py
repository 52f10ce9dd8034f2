"""The One-Euro filter that MediaPipe smooths the landmarks of a video with.

G. Casiez, N. Roussel, D. Vogel: 1€ Filter, CHI 2012; the parameters are those of
``face_landmarks_detector_graph.cc``, the rounding that of ``one_euro_filter.cc``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tflite2torch.pipeline.regions import Size

MIN_CUTOFF = float(torch.tensor(0.05))
BETA = float(torch.tensor(80.0))
DERIVATIVE_CUTOFF = 1.0
"""Frequencies in Hz, and what a speed of one face a second adds to the first."""

FIRST_RATE = 30.0
"""The frames in a second that are assumed until two timestamps tell."""


class OneEuro:
    """Smooths the landmarks, P x 3, of one face over frames."""

    def __init__(self) -> None:
        self._rate = FIRST_RATE
        self._last = -1
        self._raw: Tensor | None = None
        self._speed = self._smooth = torch.empty(0)

    def __call__(self, landmarks: Tensor, size: Size, timestamp_ms: float) -> Tensor:
        """Return smoothed landmarks of the next frame.

        Args:
            landmarks: normalized.
            size: of the image.
            timestamp_ms: of the frame; one that does not rise smooths nothing.
        """
        unit = landmarks.new_tensor([size[0], size[1], size[0]])
        values = landmarks * unit
        now = int(timestamp_ms * 1000) * 1000
        if now <= self._last:
            return values / unit
        if self._last != 0 and now != 0:
            self._rate = 1 / ((now - self._last) * 1e-9)
        self._last = now
        if self._raw is None:
            self._speed, self._smooth = torch.zeros_like(values), values
        else:
            extent = values[:, :2].amax(0) - values[:, :2].amin(0)
            scale = float(1 / ((extent[0] + extent[1]) / 2))
            speed = ((values.double() - self._raw.double()) * scale * self._rate).to(values.dtype)
            alpha = self._alpha(torch.tensor(DERIVATIVE_CUTOFF, dtype=torch.float64))
            self._speed = _blend(alpha.to(values.dtype), speed, self._speed)
            cutoff = MIN_CUTOFF + BETA * self._speed.double().abs()
            self._smooth = _blend(self._alpha(cutoff).to(values.dtype), values, self._smooth)
        self._raw = values
        return self._smooth / unit

    def _alpha(self, cutoff: Tensor) -> Tensor:
        constant = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + constant / (1 / self._rate))


def _blend(alpha: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Return alpha new + (1 - alpha) old: the first product in its dtype, the second in float64."""
    return ((alpha * new).double() + (1 - alpha.double()) * old.double()).to(new.dtype)
