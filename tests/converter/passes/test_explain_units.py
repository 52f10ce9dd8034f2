"""A number that turns pixels of the input into those of a map is commented on; others are not."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.custom import flex
from tests.support.models import ModelBuilder, Operand, Ref, Tensor
from tests.support.operators import convert_bytes, graph_of, rewritten
from tflite2torch.converter.passes.explain_units import explain_units

SIZE, POINTS, CROP = 16, 6, 4


class Crops(ModelBuilder):
    """Crops maps of an image around points. All shapes are stated: TFLite knows no such crops."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.points = self.input((1, SIZE, SIZE, 3)), self.input((1, POINTS, 3))

    def level(self, stride: int) -> Ref:
        options = schema.Pool2DOptionsT(
            filterHeight=stride, filterWidth=stride, strideH=stride, strideW=stride
        )
        result = Tensor((1, SIZE // stride, SIZE // stride, 3))
        return self.operator("MAX_POOL_2D", [self.image], [result], options)[0]

    def changed(self, factor: Operand, name: str = "MUL") -> Ref:
        """Multiply the points with something, or do something else."""
        options = schema.MulOptionsT() if name == "MUL" else schema.AddOptionsT()
        operands = [self.points, factor]
        return self.operator(name, operands, [Tensor((1, POINTS, 3))], options)[0]

    def matrix(self, points: Ref) -> Ref:
        options = flex(
            subset_idxs=[0, 1, 2, 5],
            left_rotation_idx=0,
            right_rotation_idx=1,
            target_rotation_radians=0.0,
            output_height=CROP,
            output_width=CROP,
            scale_x=1.5,
            scale_y=1.5,
        )
        return self.operator(
            "Landmarks2TransformMatrix",
            [points],
            [Tensor((1, 4, 4))],
            custom_options=options,
            version=2,
        )[0]

    def crop(self, level: Ref, matrix: Ref) -> Ref:
        return self.operator(
            "TransformTensorBilinear",
            [level, matrix],
            [Tensor((1, CROP, CROP, 3))],
            custom_options=flex(output_height=CROP, output_width=CROP),
            version=2,
        )[0]

    def cropped(self, factor: Operand, *strides: int) -> bytes:
        """Return a model that crops maps of some strides around points times a factor."""
        matrix = self.matrix(self.changed(factor))
        return self.build([self.crop(self.level(stride), matrix) for stride in strides])


def explained(model: bytes) -> int:
    """Return how often the pass fires, after a look at the comments of the source."""
    count = rewritten(graph_of(model), explain_units).count
    assert convert_bytes(model).source.count("# pixels at stride") == count
    return count


@pytest.mark.parametrize("stride", [2, 4])
def test_pixels_of_a_map(stride: int) -> None:
    """The docstring's example."""
    model = Crops().cropped(np.float32(1 / stride), stride)
    assert explained(model) == 1
    (line,) = re.findall(r".*# pixels.*", convert_bytes(model).source)
    assert line.endswith(f" * {1 / stride}  # pixels at stride {stride}")


def test_two_maps_of_one_stride() -> None:
    assert explained(Crops().cropped(np.float32(0.25), 4, 4)) == 1


def test_two_crops_around_the_same_points() -> None:
    """One comment at the product that both read."""
    b = Crops()
    scaled = b.changed(np.float32(0.25))
    crops = [b.crop(b.level(4), b.matrix(scaled)) for _ in range(2)]
    assert explained(b.build(crops)) == 1


def test_near_misses_are_left_alone() -> None:
    assert explained(Crops().cropped(np.float32(0.5), 4)) == 0
    assert explained(Crops().cropped(np.float32(0.25), 4, 2)) == 0
    assert explained(Crops().cropped(np.float32([0.25, 0.25, 1]), 4)) == 0
    b = Crops()
    assert explained(b.build([b.crop(b.level(4), b.matrix(b.points))])) == 0
    b = Crops()
    shifted = b.changed(np.float32(0.25), "ADD")
    assert explained(b.build([b.crop(b.level(4), b.matrix(shifted))])) == 0


def test_points_that_nothing_is_cropped_around() -> None:
    b = Crops()
    assert explained(b.build([b.changed(np.float32(0.25))])) == 0
    b = Crops()
    assert explained(b.build([b.matrix(b.changed(np.float32(0.25)))])) == 0
