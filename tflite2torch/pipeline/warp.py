"""Cuts regions out of an image: exact as MediaPipe on the CPU does, or smooth for gradients.

Pixel (i, j) of a crop of n pixels is what stands at (i / n, j / n) of the region: there is no
offset of half a pixel (``image_to_tensor_converter_opencv.cc`` maps corners 0 and n).
"""

from __future__ import annotations

import struct
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from tflite2torch.pipeline.regions import corners

Border = Literal["zeros", "border"]
"""What stands outside of the image: zeros, or the nearest pixel (``F.grid_sample``'s names)."""

Crop = Literal["exact", "smooth", "straight_through"]
"""How a crop is computed: see ``warp``."""

BLOCK = 64
"""The columns of a crop whose coordinates OpenCV computes from one start."""


def warp(image: Tensor, regions: Tensor, size: int, border: Border, crop: Crop = "exact") -> Tensor:
    """Return crops, N x 3 x size x size in 0 to 255, of the regions of an image.

    Args:
        image: 3 x H x W in 0 to 255, uint8 or floating point.
        regions: N x 5, in pixels.
        size: the side of a crop.
        border: what stands outside of the image.
        crop: ``exact`` gives whole numbers, equal to OpenCV's fixed-point ``remap``, and has no
            gradient. ``smooth`` is bilinear without rounding. ``straight_through`` has the
            values of the first and the gradient of the second.
    """
    if crop == "exact":
        return _exact(image, regions, size, border)
    smooth = _smooth(image, regions, size, border)
    if crop == "smooth":
        return smooth
    return _exact(image, regions, size, border) + (smooth - smooth.detach())


def _smooth(image: Tensor, regions: Tensor, size: int, border: Border) -> Tensor:
    height, width = image.shape[1:]
    regions = regions.to(image.device)
    steps = torch.arange(size, dtype=regions.dtype, device=image.device) / size - 0.5
    x, y, wide, high, angle = regions[:, :, None, None].unbind(1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    across, down = steps[None, None] * wide, steps[None, :, None] * high
    column, row = x + across * cosine - down * sine, y + across * sine + down * cosine
    grid = torch.stack([(2 * column + 1) / width - 1, (2 * row + 1) / height - 1], dim=3)
    pixels = image.to(regions.dtype).expand(len(regions), -1, -1, -1)
    return F.grid_sample(pixels, grid, padding_mode=border, align_corners=False)


def _exact(image: Tensor, regions: Tensor, size: int, border: Border) -> Tensor:
    if image.is_floating_point():
        image = image.detach().round().clamp(0, 255).to(torch.uint8)
    maps = [image_map(quad, size) for quad in corners(regions.detach()).tolist()]
    matrix = torch.tensor(maps, dtype=torch.float64).reshape(-1, 9).to(image.device)
    return sample(image, *coordinates(matrix, size), border).to(regions.dtype)


def image_map(quad: list[list[float]], size: int) -> list[float]:
    """Return the 3 x 3 matrix, row by row, from a crop's pixels to the image, of its corners there.

    The 8 x 8 system of ``cv2.getPerspectiveTransform`` is solved by elimination with partial
    pivoting and the matrix inverted by cofactors, in OpenCV's order: sizes of photos often put
    coordinates exactly between two steps of 1/32 pixel, where the last bit decides.

    Args:
        quad: the corners in the order of ``corners``, numbers of float32.
        size: the side of the crop.
    """
    rows, targets = [], []
    ends = [(0.0, size), (0.0, 0.0), (size, 0.0), (size, size)]
    for (x, y), (u, _) in zip(quad, ends, strict=True):
        rows.append([x, y, 1.0, 0.0, 0.0, 0.0, _float32(-x * u), _float32(-y * u)])
        targets.append(float(u))
    for (x, y), (_, v) in zip(quad, ends, strict=True):
        rows.append([0.0, 0.0, 0.0, x, y, 1.0, _float32(-x * v), _float32(-y * v)])
        targets.append(float(v))
    return _inverse([*_solve(rows, targets), 1.0])


def _float32(value: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _solve(rows: list[list[float]], targets: list[float]) -> list[float]:
    """Solve a system in place. A singular one, of a region without extent, has NaN everywhere."""
    count = len(rows)
    for i in range(count):
        pivot = max(range(i, count), key=lambda j: (abs(rows[j][i]), -j))
        if not rows[pivot][i]:
            return [float("nan")] * count
        rows[i], rows[pivot] = rows[pivot], rows[i]
        targets[i], targets[pivot] = targets[pivot], targets[i]
        factor, row = -1 / rows[i][i], rows[i]
        for j in range(i + 1, count):
            other = rows[j]
            if other[i]:
                scale = other[i] * factor
                for k in range(i + 1, count):
                    other[k] += scale * row[k]
                targets[j] += scale * targets[i]
    for i in reversed(range(count)):
        total = targets[i]
        for k in range(i + 1, count):
            total -= rows[i][k] * targets[k]
        targets[i] = total / rows[i][i]
    return targets


def _inverse(matrix: list[float]) -> list[float]:
    a, b, c, d, e, f, g, h, i = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if not determinant:
        return [float("nan")] * 9
    scale = 1.0 / determinant
    return [
        (e * i - f * h) * scale,
        (c * h - b * i) * scale,
        (b * f - c * e) * scale,
        (f * g - d * i) * scale,
        (a * i - c * g) * scale,
        (c * d - a * f) * scale,
        (d * h - e * g) * scale,
        (b * g - a * h) * scale,
        (a * e - b * d) * scale,
    ]


def coordinates(matrix: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return where each pixel of crops lies in the image: x and y, N x size x size, in 1/32 pixel.

    Args:
        matrix: N x 9 in float64, what ``image_map`` gives.
        size: the side of a crop.
    """
    index = torch.arange(size, device=matrix.device)
    start = (index // BLOCK * BLOCK).double()
    offset = (index % BLOCK).double()
    down = index.double()[:, None]
    m = matrix[:, :, None, None].unbind(1)
    x, y, w = (m[k] * start + m[k + 1] * down + m[k + 2] for k in (0, 3, 6))
    scale = 32 / (w + m[6] * offset)
    # Half to even, as the CPU's conversion does. What is out of range has no pixel: the border.
    column, row = ((v + m[k] * offset) * scale for v, k in ((x, 0), (y, 3)))
    return tuple(  # type: ignore[return-value]
        torch.nan_to_num(v.round_(), nan=-(2.0**30)).clamp_(-(2.0**30), 2.0**30).int()
        for v in (column, row)
    )


def sample(image: Tensor, x: Tensor, y: Tensor, border: Border) -> Tensor:
    """Return pixels of an image between its pixels, in whole numbers.

    Args:
        image: 3 x H x W, uint8.
        x: N x h x w, in 1/32 pixel.
        y: likewise.
        border: what stands outside of the image.

    Returns:
        N x 3 x h x w in float32. The weights are multiples of 1/1024: no sum rounds.
    """
    height, width = image.shape[1:]
    # Pixels as people have them are rows of three bytes: each channel is taken from the bytes.
    pixels = image.permute(1, 2, 0).reshape(-1)
    across, down = _ends(x.flatten(), width, border), _ends(y.flatten(), height, border)
    total = torch.full((3, x.numel()), 512.0, device=image.device)
    for row, vertical in down:
        first = row.long() * (3 * width)
        for column, horizontal in across:
            index, weight = first + 3 * column, horizontal * vertical
            for channel in range(3):
                total[channel].addcmul_(pixels[channel:].index_select(0, index).float(), weight)
    planes = total.mul_(1 / 1024).floor_().view(3, *x.shape)
    return planes.transpose(0, 1)


def _ends(place: Tensor, size: int, border: Border) -> list[tuple[Tensor, Tensor]]:
    """Return the two pixels along an axis that places in 1/32 pixel lie between, and weights."""
    start, fraction = place >> 5, (place & 31).float()
    ends = []
    for pixel, weight in ((start, 32 - fraction), (start + 1, fraction)):
        inside = pixel.clamp(0, size - 1)
        ends.append((inside, weight * (pixel == inside) if border == "zeros" else weight))
    return ends
