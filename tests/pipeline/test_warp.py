"""Crops beside OpenCV's, and the ways of cropping beside each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.pipeline.conftest import Photo
from tflite2torch.pipeline.regions import corners
from tflite2torch.pipeline.warp import Border, coordinates, image_map, sample, warp


def regions(count: int, width: int, height: int) -> torch.Tensor:
    """Draw regions in pixels: of all sizes and angles, many partly or wholly outside."""
    draw = np.random.default_rng(0)
    centers = draw.uniform(-0.3, 1.3, (count, 2)) * (width, height)
    sides = np.exp(draw.uniform(np.log(5), np.log(2000), (count, 2)))
    angles = draw.uniform(-np.pi, np.pi, (count, 1)) * draw.integers(0, 2, (count, 1))
    return torch.tensor(np.concatenate([centers, sides, angles], axis=1), dtype=torch.float32)


@pytest.mark.parametrize("border", ["zeros", "border"])
def test_equal_to_fixed_point_remap_on_1000_regions(
    border: Border, photo: Photo, in_tasks: Callable[..., None], tmp_path: Path
) -> None:
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    drawn = regions(500, *photo.shape[1::-1])
    maps = torch.tensor(
        [image_map(quad, 64) for quad in corners(drawn).tolist()], dtype=torch.float64
    )
    x, y = coordinates(maps, 64)
    # OpenCV's maps are of 16 bits, and so are the places that MediaPipe's images have.
    fits = torch.maximum(x.abs().amax((1, 2)), y.abs().amax((1, 2))) < 32 * 2**15
    assert fits.all()
    np.savez(tmp_path / "crops.npz", image=photo, x=x.numpy(), y=y.numpy(), zeros=border == "zeros")
    in_tasks("official_crops.py", tmp_path)
    expected = torch.from_numpy(np.load(tmp_path / "results.npy")).permute(0, 3, 1, 2)
    assert (sample(image, x, y, border) == expected).all()
    assert (warp(image, drawn, 64, border) == expected).all()


def test_whole_pixels_are_copied(photo: Photo) -> None:
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    region = torch.tensor([[132.0, 164.0, 64.0, 64.0, 0.0]])
    for crop in ("exact", "smooth", "straight_through"):
        cut = warp(image, region, 64, "border", crop)[0]
        assert torch.allclose(cut, image[:, 132:196, 100:164].float(), atol=1e-2), crop


def test_straight_through_has_the_exact_values_and_the_smooth_gradient(photo: Photo) -> None:
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    region = torch.tensor([[200.0, 150.0, 190.0, 210.0, 0.4]], dtype=torch.float64)
    gradients = []
    for crop in ("straight_through", "smooth"):
        pixels = image.double().requires_grad_()
        look = region.clone().requires_grad_()
        cut = warp(pixels, look, 128, "border", crop)
        if crop == "straight_through":
            assert (cut == warp(image, region, 128, "border", "exact")).all()
        else:
            assert float((cut.detach() - warp(image, region, 128, "border")).abs().max()) < 8
        cut.square().mean().backward()
        gradients.append((pixels.grad, look.grad))
    (a, b), (c, d) = gradients
    assert a is not None
    assert b is not None
    assert c is not None
    assert d is not None
    # The squares' derivatives are taken at values that differ by the rounding of a pixel.
    assert torch.allclose(a, c, atol=float(c.abs().max()) * 0.1)
    assert torch.allclose(b, d, rtol=0.2, atol=float(d.abs().max()) * 0.05)


def test_a_region_without_extent_gives_the_border_and_no_error(photo: Photo) -> None:
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    for row in ([10.0, 10.0, 0.0, 0.0, 0.0], [torch.nan] * 5, [1e30, 0.0, 1e30, 5.0, 0.0]):
        cut = warp(image, torch.tensor([row]), 64, "zeros")
        assert cut.shape == (1, 3, 64, 64)
        assert cut.isfinite().all()
