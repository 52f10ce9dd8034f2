"""Official modules at wrong sizes, ranks, layouts and dtypes: a right answer or a clear error.

``python -m tests.citizens.test_sizes`` prints what each of them answers, as Markdown.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.citizens.conftest import BUNDLE, MODELS
from tests.citizens.official import SAMPLES, Official, assert_identical, run
from tests.support.reference import Kernels, run_reference
from tests.support.resized import resized_model
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.planning.sizes import Grid
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.inputs.face import face_photo
from tflite2torch.parity.layers.verdict import limit_of

Shapes = dict[str, tuple[int, ...]]

BLAZE: Grid = ((8, 2), (16, 6))
SIZES: dict[str, tuple[int, Grid | None]] = {
    "bundle/face_detector": (16, BLAZE),
    "legacy/face_detection_back": (32, ((16, 2), (32, 6))),
    "legacy/face_detection_front": (16, BLAZE),
    "legacy/face_detection_full_range": (32, ((4, 1),)),
    "wheel/face_detection_full_range_sparse": (32, ((4, 1),)),
    "wheel/face_detection_short_range": (16, BLAZE),
    "wheel/palm_detection_full": (32, BLAZE),
    "wheel/palm_detection_lite": (32, BLAZE),
    "wheel/pose_detection": (32, ((8, 2), (16, 2), (32, 6))),
    "wheel/selfie_segmentation": (16, None),
    "wheel/selfie_segmentation_landscape": (16, None),
}
"""The official models that take other sizes: multiples of what, and the anchors of detectors."""

DTYPES = [torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int64, torch.bool]


LEFT_TO_TORCH = ("one axis more, the last", "1 channel", "4 channels")
"""What is wrong with shapes that a first convolution refuses by itself, and names."""


def wrong_shapes(official: Official) -> Shapes:
    """Return shapes that a module must refuse, by what is wrong with them."""
    _, *own = official.samples[0].shape
    shapes: Shapes = {
        "no batch": (*own,),
        "one axis more": (1, 1, *own),
        "one axis more, the last": (1, *own, 1),
    }
    if len(own) == 2:  # points
        points, axes = own
        return shapes | {
            "one point less": (1, points - 1, axes),
            "twice as many points": (1, 2 * points, axes),
            "(x, y, z)": (1, points, axes + 1),
            "axes exchanged": (1, axes, points),
        }
    channels, height, width = own
    shapes |= {
        "NHWC": (1, height, width, channels),
        "1 channel": (1, 1, height, width),
        "4 channels": (1, 4, height, width),
        "1 row more": (1, channels, height + 1, width),
        "2 pixels less": (1, channels, height - 2, width - 2),
        "2 pixels more": (1, channels, height + 2, width + 2),
    }
    if official.conversion.sizes.multiple is None:
        shapes |= {
            "twice the size": (1, channels, 2 * height, 2 * width),
            "half the size": (1, channels, height // 2, width // 2),
            "32 columns more": (1, channels, height, width + 32),
        }
    return shapes


def right_sizes(official: Official) -> list[tuple[int, int]]:
    """Return other sizes, height and width, that a module takes."""
    multiple = official.conversion.sizes.multiple
    if multiple is None:
        return []
    height, width = official.samples[0].shape[2:]
    return [
        (multiple, 3 * multiple),
        (height + multiple, width),
        (2 * height, 2 * width),
    ]


def test_every_wrong_shape_is_named(official: Official) -> None:
    multiple = official.conversion.sizes.multiple
    takes = f"(N, {', '.join(map(str, official.samples[0].shape[1:]))})"
    if multiple is not None:
        takes = f"(N, 3, H, W), multiples of {multiple}"
    for wrong, shape in wrong_shapes(official).items():
        left_to_torch = multiple is not None and wrong in LEFT_TO_TORCH
        with pytest.raises(RuntimeError if left_to_torch else ValueError) as raised:
            run(official.module, [torch.zeros(shape)])
        if left_to_torch:
            assert re.search(r"\[1, .*\]", str(raised.value)), wrong
        else:
            assert str(raised.value) == f"takes {takes}, not {torch.Size(shape)}", wrong


def test_which_take_other_sizes(official: Official, request: pytest.FixtureRequest) -> None:
    sizes = official.conversion.sizes
    known = SIZES.get(request.node.callspec.params["official"], (None, None))
    assert (sizes.multiple, sizes.anchor_grid) == known
    source, module = official.conversion.source, official.module
    assert module.input_size == official.samples[0].shape[-2:]
    said = re.search(r"may also be other multiples of (\d+)\.", source)
    assert (said and int(said[1])) == sizes.multiple
    assert getattr(module, "anchor_grid", None) == sizes.anchor_grid
    assert ("Row k is anchor k" in source) == (sizes.anchor_grid is not None)


@pytest.mark.parametrize("official", SIZES, indirect=True)
def test_other_sizes_give_what_tflite_gives(official: Official) -> None:
    """Rows for all anchors, or a mask as large; equal to TFLite's on an edited file."""
    grid = official.conversion.sizes.anchor_grid
    for height, width in right_sizes(official):
        photo = image(official.module, height, width)
        results = run(official.module, [photo])
        for result in results:
            if grid is None:
                assert result.shape == (1, 1, height, width)
            else:
                cells = sum(height // s * (width // s) * count for s, count in grid)
                assert result.shape[:2] == (1, cells)
        if height * width > 1.5 * np.prod(official.samples[0].shape[2:]):
            continue  # the reference kernels take seconds
        model = resized_model(official.conversion.file.data, height, width)
        answers = answer(model, photo)
        floors = [
            np.maximum(*(abs(a - b).max() for b in others))
            for a, *others in zip(
                answers,
                answer(model, photo, "builtin"),
                answer(model, torch.nextafter(photo, torch.tensor(9.0))),
                strict=True,
            )
        ]
        for result, told, floor in zip(results, answers, floors, strict=True):
            error = float(abs(result.numpy() - told).max())
            limit = limit_of(float(abs(told).max()), float(floor), "float32")
            assert error <= limit, f"off by {error} at {height} x {width}, {limit} passes"
            assert told.any()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_other_dtypes(official: Official, dtype: torch.dtype) -> None:
    """Torch refuses them, or the answer is that to the same values in float32."""
    inputs = [(4 * values[:1]).to(dtype) for values in official.samples]
    expected = run(official.module, [values.float() for values in inputs])
    with contextlib.suppress(RuntimeError):
        results = run(official.module, inputs)
        assert_identical([result.float() for result in results], expected)


def test_no_sample_and_several(official: Official) -> None:
    for count in (0, SAMPLES):
        results = run(official.module, official.batch(count))
        expected = [(count, *entry["shape"][1:]) for entry in official.conversion.outputs]
        assert [tuple(result.shape) for result in results] == expected


def image(module: nn.Module, height: int, width: int) -> Tensor:
    """Return a photo of a face, in the range that a module takes."""
    low, high = module.input_range
    pixels = torch.from_numpy(face_photo(width, height).copy()).permute(2, 0, 1)[None]
    return (low + pixels * (high - low) / 255).float()


def answer(model: bytes, photo: Tensor, kernels: Kernels = "reference") -> list[np.ndarray]:
    """Return TFLite's outputs for an image; images with their channels first."""
    outputs = run_reference(model, [photo.permute(0, 2, 3, 1).numpy()], kernels)
    return [out.transpose(0, 3, 1, 2) if out.ndim == 4 else out for out in outputs]


def table() -> str:
    """Return each model's answers to all that these tests try, in Markdown."""
    rows = ["| model | tried | answer |", "| --- | --- | --- |"]
    for name, official in every_official():
        own, module = tuple(official.samples[0][:1].shape), official.module
        shapes = [own, (0, *own[1:])]
        shapes += [(*own[:2], *size) for size in right_sizes(official)]
        shapes += wrong_shapes(official).values()
        answers: dict[str, list[str]] = {}
        for shape in shapes:
            answers.setdefault(said(module, shape), []).append("x".join(map(str, shape)))
        for dtype in DTYPES:
            kind = str(dtype).removeprefix("torch.")
            answers.setdefault(said(module, own, dtype), []).append(kind)
        rows += [f"| `{name}` | {', '.join(tried)} | {told} |" for told, tried in answers.items()]
    return "\n".join(rows) + "\n"


def said(module: nn.Module, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> str:
    """Return the shapes of a module's outputs, or the error that it raises."""
    try:
        outputs = run(module, [torch.ones(shape).to(dtype)])
    except ValueError as error:
        return f"ValueError: {str(error).partition(', not')[0]}"
    except RuntimeError:
        return "RuntimeError of torch's first layer"
    return ", ".join("x".join(map(str, output.shape)) for output in outputs)


def every_official() -> Iterator[tuple[str, Official]]:
    """Load the official models from where the tests find them."""
    folder = Path(os.environ["TFLITE2TORCH_MODELS"])
    (wheel,) = Path(os.environ["TFLITE2TORCH_WHEELS"]).glob("mediapipe-0.10.21-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {Path(n).stem: archive.read(n) for n in archive.namelist() if "tflite" in n}
    for origin, names in MODELS.items():
        for name in names:
            if origin == "wheel":
                file = ModelFile(name, f"{name}.tflite", packed[name])
            else:
                pattern = BUNDLE if origin == "bundle" else f"{name}.tflite"
                found = read_sources([next(folder.rglob(pattern))])
                file = next(f for f in found if f.name == name)
            yield f"{origin}/{name}", Official.load(convert_model(file))


if __name__ == "__main__":
    sys.stdout.write(table())
