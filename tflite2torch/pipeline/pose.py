"""Estimates the transformation from the canonical face to a camera, of MediaPipe's face geometry.

The camera and the two estimates of scale before the last fit are those of
``tasks/cc/vision/face_geometry/libs/geometry_pipeline.cc``; the fit is a weighted orthogonal
Procrustes problem (``procrustes_solver.cc``). All of it is computed in float64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FIELD_OF_VIEW = 63.0
"""The vertical one of the camera that is assumed, in degrees."""

NEAR = 1.0
"""The distance of its near plane, in centimetres."""

FLAT = 1e-3
"""Points of which none is farther from their mean, on the near plane, have no pose."""


def poses(
    landmarks: Tensor, sizes: Tensor, vertices: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the poses of faces, N x 4 x 4, and whether each has one, N.

    Args:
        landmarks: N x P x 3, normalized; as many as vertices or more.
        sizes: N x 2, width and height of their images.
        vertices: P x 3 of the canonical face, in centimetres.
        weights: P, how much each counts.
    """
    canonical, weights = vertices.double().T, weights.double()
    points = landmarks[:, : len(vertices)].double().transpose(1, 2)
    high = 2 * NEAR * math.tan(0.5 * math.radians(FIELD_OF_VIEW))
    wide = sizes[:, :1].double() * high / sizes[:, 1:].double()
    x = points[:, 0] * wide - wide / 2
    y = (1 - points[:, 1]) * high - high / 2
    z = points[:, 2] * wide
    screen = torch.stack([x, y, z], dim=1)
    spread = (screen - screen.mean(2, keepdim=True)).norm(dim=1).amax(1)
    there = (spread > FLAT) & screen.isfinite().flatten(1).all(1)
    screen = torch.where(there[:, None, None], screen, canonical.expand_as(screen))
    depth = screen[:, 2] - screen[:, 2].mean(1, keepdim=True) + NEAR

    def unprojected(scale: Tensor) -> Tensor:
        away = depth / scale[:, None]
        return torch.stack([screen[:, 0] * away, screen[:, 1] * away, -away], dim=1)

    flat = screen * screen.new_tensor([1.0, 1.0, -1.0])[:, None]
    first = procrustes(canonical, flat, weights)[:, :3, 0].norm(dim=1)
    second = procrustes(canonical, unprojected(first), weights)[:, :3, 0].norm(dim=1)
    matrix = procrustes(canonical, unprojected(first * second), weights)
    return matrix.to(landmarks.dtype), there


def procrustes(source: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return N x 4 x 4: scale, rotation and translation that bring points nearest to others.

    Args:
        source: 3 x P.
        target: N x 3 x P.
        weights: P, of the squared distances.
    """
    root = weights.sqrt()
    total = weights.sum()
    source, target = source * root, target * root
    centered = source - ((source * root).sum(1) / total)[:, None] * root
    left, _, right = torch.linalg.svd(target @ centered.T)
    # A reflection is no rotation: the axis that matters least is turned.
    sign = torch.sign(torch.linalg.det(left.detach()) * torch.linalg.det(right.detach()))
    ones = torch.ones_like(sign)
    turn = (left * torch.stack([ones, ones, sign], dim=1)[:, None]) @ right
    scale = ((turn @ centered) * target).sum((1, 2)) / (centered * source).sum()
    linear = scale[:, None, None] * turn
    shift = ((target - linear @ source) * root).sum(2) / total
    top = torch.cat([linear, shift[:, :, None]], dim=2)
    bottom = top.new_tensor([[0.0, 0.0, 0.0, 1.0]]).expand(len(top), 1, 4)
    return torch.cat([top, bottom], dim=1)
