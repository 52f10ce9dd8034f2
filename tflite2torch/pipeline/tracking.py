"""Chooses the regions of a frame: MediaPipe's ``association_calculator.h``."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from tflite2torch.pipeline.detection import overlaps


def associate(groups: Iterable[Tensor], threshold: float) -> Tensor:
    """Return the regions of groups, N x 5, without those that a later one overlaps.

    A region replaces every earlier one whose box, without rotation, it overlaps by more than the
    threshold as intersection over union, and goes to the end: the order changes over time.
    """
    kept: list[Tensor] = []
    for group in groups:
        for region in group:
            if kept:
                shares = overlaps(_boxes(torch.stack(kept)), _boxes(region[None])[0])
                kept = [old for old, share in zip(kept, shares, strict=True) if share <= threshold]
            kept.append(region)
    return torch.stack(kept) if kept else torch.empty(0, 5)


def _boxes(regions: Tensor) -> Tensor:
    low = regions[:, :2] - regions[:, 2:4] / 2
    return torch.cat([low, regions[:, 2:4]], dim=1)
