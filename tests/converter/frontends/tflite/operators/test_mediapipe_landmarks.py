"""Crops around landmarks, against loops and matrices that say what they mean and, where its
environment is there, against MediaPipe's own kernels, which there are for version 2."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.support.custom import Option, flex, kernel_answers, run_module
from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import ULP, convert_bytes, normal
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.loading import load_module

Array = npt.NDArray[Any]
Pair = tuple[int, int]

BILINEAR, LANDMARKS = "TransformTensorBilinear", "TransformLandmarks"
MATRIX = "Landmarks2TransformMatrix"
SIZE, CROP, CHANNELS = (9, 7), (4, 5), 3


def affine(
    angle: float = 0,
    scale: Pair | tuple[float, float] = (1, 1),
    x: float = 0,
    y: float = 0,
) -> Array:
    """Return a matrix (1, 4, 4) that scales, turns, then moves."""
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = np.eye(4)
    matrix[:2, :2] = np.array([[cos, -sin], [sin, cos]]) @ np.diag(scale)
    matrix[:2, 3] = x, y
    return matrix.astype(np.float32)[np.newaxis]


MATRICES = {
    "turned": affine(0.3, (0.7, 0.6), 2.1, 1.3),
    "shrunk": affine(-2.0, (1.7, 1.2), 4.3, 8.2),
    "partly outside": affine(0.9, (1.3, 1.4), 3.15, -1.2),
    "all outside": affine(0.1, (1, 1), 40, 3),
    "mirrored": affine(0.0, (-0.8, 0.9), 6.4, 0.3),
}
ALIGNED = {
    "the same pixels": affine(),
    "up to the last pixels": affine(x=2, y=5),
    "half a pixel further": affine(x=2.5, y=5),
    "half a pixel before the first": affine(x=-0.5, y=0),
    "every other pixel": affine(scale=(2, 2)),
}
"""Where no rounding takes part, and pixels lie on the very edge of the image."""


def bilinear_model(version: int, size: Pair = SIZE, crop: Pair = CROP) -> bytes:
    options: dict[str, Option] = {"mode": "bilinear", "output_size": crop}
    if version == 2:
        options = {"output_height": crop[0], "output_width": crop[1]}
    return one_operator_model(
        BILINEAR,
        [Tensor((1, *size, CHANNELS)), Tensor((1, 4, 4))],
        [Tensor((1, *crop, CHANNELS))],
        custom_options=flex(**options),
        version=version,
    )


def sample(image: Array, matrix: Array, crop: Pair, center: float) -> Array:
    """Mix the four pixels around every place, in float64; outside there is nothing."""
    _, height, width, channels = image.shape
    result = np.zeros((1, *crop, channels))
    for row, column in itertools.product(*map(range, crop)):
        pixel = np.array([column + center, row + center, 0, 1])
        x, y = (matrix[0].astype(np.float64) @ pixel)[:2] - center
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
            continue
        for i, j in itertools.product((math.floor(y), math.floor(y) + 1), range(width)):
            share = (1 - abs(y - i)) * max(0.0, 1 - abs(x - j))
            if i < height:
                result[0, row, column] += share * image[0, i, j]
    return result.astype(np.float32)


def assert_sampled(result: Array, expected: Array, image: Array) -> None:
    """Positions err by a few ulps of the largest coordinate, values by the slope times that."""
    slope = 2 * np.abs(image).max()
    np.testing.assert_allclose(result, expected, 0, 8 * ULP * max(SIZE) * slope)


@pytest.mark.parametrize("version", [1, 2])
def test_every_sample_has_a_crop_of_its_own(version: int) -> None:
    generator = np.random.default_rng(0)
    images = [normal(generator, (1, *SIZE, CHANNELS)) for _ in MATRICES]
    samples = list(zip(images, MATRICES.values(), strict=True))
    [result] = run_module(bilinear_model(version), samples)
    for index, (image, matrix) in enumerate(samples):
        expected = sample(image, matrix, CROP, 0.5 * (version - 1))
        assert_sampled(result[index : index + 1], expected, image)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("matrix", ALIGNED.values(), ids=ALIGNED)
def test_the_edge_belongs_to_the_image(version: int, matrix: Array) -> None:
    image = np.arange(1, 1 + math.prod(SIZE) * CHANNELS, dtype=np.float32)
    image = image.reshape(1, *SIZE, CHANNELS)
    [result] = run_module(bilinear_model(version), [(image, matrix)])
    expected = sample(image, matrix, CROP, 0.5 * (version - 1))
    np.testing.assert_array_equal(result == 0, expected == 0)
    assert_sampled(result, expected, image)


def test_an_image_of_one_pixel() -> None:
    image = np.full((1, 1, 1, CHANNELS), 7, np.float32)
    model = bilinear_model(1, size=(1, 1), crop=(2, 2))
    [result] = run_module(model, [(image, affine())])
    assert result[0, :, :, 0].tolist() == [[7, 0], [0, 0]]


@pytest.mark.parametrize("constant", [0, 1])
def test_one_crop_or_image_for_all_samples_is_not_supported(constant: int) -> None:
    operands: list[Any] = [Tensor((1, *SIZE, CHANNELS)), Tensor((1, 4, 4))]
    operands[constant] = np.ones(operands[constant].shape, np.float32)
    crop = flex(output_height=CROP[0], output_width=CROP[1])
    output = [Tensor((1, *CROP, CHANNELS))]
    model = one_operator_model(BILINEAR, operands, output, None, crop, version=2)
    with pytest.raises(UnsupportedOpError, match="is the same for all of them"):
        convert_bytes(model)


POINTS, SUBSET, LINE = 12, [2, 3, 5, 7, 11], (3, 8)
"""Five landmarks, an odd number, which MediaPipe fills up with the last one."""


def matrix_options(**changed: Option) -> dict[str, Option]:
    options: dict[str, Option] = {
        "subset_idxs": SUBSET,
        "left_rotation_idx": LINE[0],
        "right_rotation_idx": LINE[1],
        "target_rotation_radians": 0.25,
        "output_height": 6,
        "output_width": 10,
        "scale_x": 1.5,
        "scale_y": 1.25,
    }
    return {**options, **changed}


def matrix_model(options: dict[str, Option], points: int = POINTS) -> bytes:
    return one_operator_model(
        MATRIX,
        [Tensor((1, points, 3))],
        [Tensor((1, 4, 4))],
        custom_options=flex(**options),
        version=2,
    )


def turn(angle: float) -> Array:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def stretch(x: float, y: float) -> Array:
    return np.diag([x, y, 1.0])


def move(x: float, y: float) -> Array:
    matrix = np.eye(3)
    matrix[:2, 2] = x, y
    return matrix


def wide(matrix: Array) -> Array:
    """Return a 3x3 matrix as the 4x4 one that leaves z alone."""
    result = np.eye(4)
    result[:2, :2], result[:2, 3] = matrix[:2, :2], matrix[:2, 2]
    return result


def box(landmarks: Array, angle: float) -> tuple[Array, Array]:
    """Return the center and the size of the box of a subset, turned by an angle."""
    points = (turn(angle)[:2, :2] @ landmarks[0, SUBSET, :2].astype(np.float64).T).T
    low, high = points.min(axis=0), points.max(axis=0)
    center = turn(-angle)[:2, :2] @ ((low + high) / 2)
    return center, high - low


def crop_matrix(landmarks: Array) -> Array:
    """Build version 2's matrix step by step: to the middle, to size, turned, in place."""
    way = landmarks[0, LINE[1]] - landmarks[0, LINE[0]]
    angle = 0.25 - math.atan2(way[1], way[0])
    center, size = box(landmarks, angle)
    matrix = move(*center) @ turn(-angle) @ stretch(*(size * [1.5, 1.25] / [10, 6]))
    return wide(matrix @ move(-5, -3))


def faces(count: int = 4) -> list[Array]:
    """Return landmarks whose lines point everywhere, to the left too."""
    generator = np.random.default_rng(0)
    shape = (count, 1, POINTS, 3)
    return list(generator.uniform(0, 48, shape).astype(np.float32))


def assert_matrices(result: Array, expected: Array) -> None:
    """Entries are sums of a dozen products of what the largest one is made of."""
    limit = 16 * ULP * np.abs(expected).max()
    np.testing.assert_allclose(result, expected, rtol=0, atol=limit)


def test_matrix_by_hand() -> None:
    """A level box from (10, 20) to (30, 40), twice as large, in 4 x 8 pixels."""
    landmarks = np.float32([[10, 20, 1], [30, 20, 2], [10, 40, 3], [30, 40, 4]])
    options = matrix_options(
        subset_idxs=[0, 1, 2, 3],
        left_rotation_idx=0,
        right_rotation_idx=1,
        target_rotation_radians=0.0,
        output_width=4,
        output_height=8,
        scale_x=2.0,
        scale_y=2.0,
    )
    [matrix] = run_module(matrix_model(options, points=4), [[landmarks[np.newaxis]]])
    expected = [[10, 0, 0, 0], [0, 5, 0, 10], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert matrix[0].tolist() == expected


def test_every_sample_has_a_matrix_of_its_own() -> None:
    landmarks = faces()
    [result] = run_module(matrix_model(matrix_options()), [[x] for x in landmarks])
    assert_matrices(result, np.stack([crop_matrix(x) for x in landmarks]))


V1: dict[str, Option] = {
    "dimensions": 3,
    "landmarks_range": 48,
    "bbox_size_multiplier": 1.5,
    "left_rotation_idx": LINE[0],
    "right_rotation_idx": LINE[1],
    "subset": SUBSET,
    "input_hw": (24, 32),
    "output_hw": (6, 10),
}


def matrix_v1_model(options: dict[str, Option]) -> bytes:
    return one_operator_model(
        MATRIX,
        [Tensor((1, 1, 1, 3 * POINTS))],
        [Tensor((1, 4, 4))],
        custom_options=flex(**options),
    )


def crop_matrix_v1(landmarks: Array) -> Array:
    """Build version 1's matrix by way of coordinates from -1 to 1, as its kernel does."""
    way = landmarks[0, LINE[1]] - landmarks[0, LINE[0]]
    angle = -math.atan(way[1] / way[0])
    center, size = box(landmarks, angle)
    to_relative = move(-1, -1) @ stretch(2 / (10 - 1), 2 / (6 - 1))
    relative = move(*(center / 48 * 2 - 1)) @ turn(-angle) @ stretch(*(size * 1.5 / 48))
    to_absolute = stretch((32 - 1) / 2, (24 - 1) / 2) @ move(1, 1)
    return wide(to_absolute @ relative @ to_relative)


def test_matrix_of_version_1() -> None:
    landmarks = faces()
    samples = [[x.reshape(1, 1, 1, -1)] for x in landmarks]
    [result] = run_module(matrix_v1_model(V1), samples)
    assert_matrices(result, np.stack([crop_matrix_v1(x) for x in landmarks]))


def landmarks_model(shape: tuple[int, ...], version: int, options: bytes) -> bytes:
    return one_operator_model(
        LANDMARKS,
        [Tensor(shape), Tensor((1, 4, 4))],
        [Tensor(shape)],
        custom_options=options,
        version=version,
    )


def moved(points: Array, matrix: Array, scale: float = 1) -> Array:
    """Map x and y of one landmark after the other, in float64."""
    result = points.astype(np.float64)
    for point, given in zip(
        result.reshape(-1, points.shape[-1]),
        points.reshape(-1, points.shape[-1]),
        strict=True,
    ):
        x, y = given[:2].astype(np.float64)
        for axis in range(2):
            row = matrix[0, axis].astype(np.float64)
            point[axis] = row[0] * x + row[1] * y + row[3] * scale
    return result.astype(np.float32)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_landmarks_move_with_their_own_matrix(dimensions: int) -> None:
    points = [x[:, :, :dimensions] for x in faces(len(MATRICES))]
    samples = list(zip(points, MATRICES.values(), strict=True))
    model = landmarks_model((1, POINTS, dimensions), 2, b"")
    [result] = run_module(model, samples)
    expected = np.concatenate([moved(x, m) for x, m in samples])
    np.testing.assert_allclose(result, expected, 0, 4 * ULP * np.abs(expected).max())
    if dimensions == 3:
        np.testing.assert_array_equal(result[:, :, 2], np.concatenate(points)[:, :, 2])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_landmarks_of_version_1_lie_in_channels(dimensions: int) -> None:
    generator, shape = np.random.default_rng(0), (1, 2, 3, 4 * dimensions)
    samples = [(normal(generator, shape), m) for m in MATRICES.values()]
    options = flex(dimensions=dimensions, scale=0.5)
    [result] = run_module(landmarks_model(shape, 1, options), samples)
    expected = [moved(x.reshape(-1, dimensions), m, 0.5).reshape(shape) for x, m in samples]
    limit = 4 * ULP * np.abs(expected).max()
    np.testing.assert_allclose(result, np.concatenate(expected), rtol=0, atol=limit)


def test_kernels_are_those_of_mediapipe() -> None:
    """One model with all of them, for its runtime takes seconds to start."""
    builder = ModelBuilder()
    image, points = (
        builder.input((1, *SIZE, CHANNELS)),
        builder.input((1, POINTS, 3)),
    )
    matrices = [builder.input((1, 4, 4)) for _ in (*MATRICES, *ALIGNED)]
    crop = flex(output_height=CROP[0], output_width=CROP[1])
    outputs, shape = [], Tensor((1, *CROP, CHANNELS))
    for matrix in matrices:
        outputs += builder.operator(
            BILINEAR, [image, matrix], [shape], custom_options=crop, version=2
        )
        outputs += builder.operator(
            LANDMARKS, [points, matrix], [Tensor((1, POINTS, 3))], version=2
        )
    for changed in ({}, {"subset_idxs": [0, 1, 4, 9]}, {"scale_x": 0.5}):
        outputs += builder.operator(
            MATRIX,
            [points],
            [Tensor((1, 4, 4))],
            custom_options=flex(**matrix_options(**changed)),
            version=2,
        )
    model = builder.build(outputs)
    values = normal(np.random.default_rng(0), (1, *SIZE, CHANNELS))
    inputs = [values, faces(1)[0], *MATRICES.values(), *ALIGNED.values()]
    answers = kernel_answers(model, inputs)
    results = run_module(model, [inputs])
    for result, answer in zip(results, answers, strict=True):
        if result.ndim == 4:
            np.testing.assert_array_equal(result == 0, answer == 0)
            assert_sampled(result, answer, values)
        else:
            assert_matrices(result, answer)


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        x = torch.rand(*shape, generator=generator, dtype=torch.float64)
        return x.requires_grad_()

    bilinear = load_module(convert_bytes(bilinear_model(2))).double()
    inside = torch.from_numpy(np.concatenate([MATRICES["turned"]] * 2)).double()
    image = draw(2, CHANNELS, *SIZE)
    assert torch.autograd.gradcheck(bilinear, (image, inside.requires_grad_()))
    matrix = load_module(convert_bytes(matrix_model(matrix_options()))).double()
    assert torch.autograd.gradcheck(matrix, draw(2, POINTS, 3))
    old = load_module(convert_bytes(matrix_v1_model(V1))).double()
    assert torch.autograd.gradcheck(old, draw(2, 3 * POINTS, 1, 1))
    model = landmarks_model((1, POINTS, 3), 2, b"")
    landmarks = load_module(convert_bytes(model)).double()
    assert torch.autograd.gradcheck(landmarks, (draw(2, POINTS, 3), draw(2, 4, 4)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"subset_idxs": []}, "no subset_idxs that is a typed list"),
        ({"subset_idxs": [1, 12]}, r"picks landmarks \[12\] of 12"),
        ({"left_rotation_idx": -1}, r"picks landmarks \[-1\] of 12"),
        ({"right_rotation_idx": 12}, r"picks landmarks \[12\] of 12"),
        ({"output_width": 0}, "its crop is"),
        ({"scale_y": -1.5}, "its crop is"),
        ({"scale_x": math.inf}, "no scale_x that is a finite float32 number"),
        ({"output_height": "6"}, "no output_height that is a whole number"),
        ({"output_height": 6.0}, "no output_height that is a whole number"),
        ({"subset_idxs": 3}, "no subset_idxs that is a typed list"),
    ],
)
def test_damaged_matrix_options(changed: dict[str, Option], message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        convert_bytes(matrix_model(matrix_options(**changed)))


@pytest.mark.parametrize("name", matrix_options())
def test_every_matrix_option_is_needed(name: str) -> None:
    options = {key: value for key, value in matrix_options().items() if key != name}
    with pytest.raises(InvalidModelError, match=f"have no {name}"):
        convert_bytes(matrix_model(options))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dimensions": 2}, "its crop is"),
        ({"landmarks_range": 0}, "its crop is"),
        ({"bbox_size_multiplier": 0.0}, "its crop is"),
        ({"input_hw": (24, 32, 3)}, "its input_hw is"),
        ({"input_hw": (24, 0)}, "its input_hw is"),
        ({"subset": [36]}, r"picks landmarks \[36\] of 12"),
    ],
)
def test_damaged_options_of_version_1(changed: dict[str, Option], message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        convert_bytes(matrix_v1_model({**V1, **changed}))


def test_operands_of_other_shapes_are_a_damaged_file() -> None:
    size = flex(output_height=2, output_width=2)
    image, matrix, points = (Tensor(s) for s in ((1, 4, 4, 3), (1, 4, 4), (1, 5, 3)))
    crop = [Tensor((1, 2, 2, 3))]
    cases = [
        (BILINEAR, [image, Tensor((4, 4))], crop, size, "a matrix of"),
        (BILINEAR, [image, Tensor((1, 3, 4))], crop, size, "a matrix of"),
        (BILINEAR, [Tensor((2, 4, 4, 3)), matrix], crop, size, "crops"),
        (BILINEAR, [points, matrix], crop, size, "must have four axes"),
        (BILINEAR, [image], crop, size, "1 inputs and 1 outputs"),
        (BILINEAR, [image, matrix], [Tensor((1, 2, 3, 3))], size, "the file states"),
        (LANDMARKS, [Tensor((1, 5, 4)), matrix], crop, b"", "landmarks of"),
        (LANDMARKS, [Tensor((2, 5, 3)), matrix], crop, b"", "landmarks of"),
        (LANDMARKS, [points, matrix], crop, b"", "the file states"),
        (MATRIX, [image], [matrix], flex(**matrix_options()), "landmarks of"),
    ]
    for name, operands, outputs, options, message in cases:
        model = one_operator_model(name, operands, outputs, custom_options=options, version=2)
        with pytest.raises(InvalidModelError, match=message):
            convert_bytes(model)


def test_unknown_modes_are_not_supported() -> None:
    image, matrix = Tensor((1, 4, 4, 3)), Tensor((1, 4, 4))
    nearest = flex(mode="nearest", output_size=[2, 2])
    line = flex(**{**V1, "output_hw": (1, 10)})
    flat = Tensor((1, 1, 1, 3 * POINTS))
    cases = [
        (BILINEAR, 3, [image, matrix], nearest, "its version is 3; known is 1, 2"),
        (BILINEAR, 1, [image, matrix], nearest, "its mode is not bilinear"),
        ("TransformTensor", 2, [image, matrix], nearest, "its version is 2"),
        (MATRIX, 1, [flat], line, "one pixel wide or high"),
        ("transformtensor", 1, [image, matrix], nearest, "no such custom operator"),
    ]
    for name, version, operands, options, message in cases:
        model = one_operator_model(name, operands, [Tensor((1, 2, 2, 3))], None, options, version)
        with pytest.raises(UnsupportedOpError, match=message):
            convert_bytes(model)
