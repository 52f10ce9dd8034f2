"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR, against the reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes
from tflite2torch.converter.errors import UnsupportedOpError

SIZES = [
    ((4, 5), (8, 10)),
    ((4, 5), (4, 5)),
    ((4, 5), (7, 9)),
    ((6, 9), (3, 4)),
    ((7, 5), (12, 3)),
    ((1, 1), (3, 2)),
    ((5, 6), (1, 1)),
    ((3, 2), (10, 17)),
]
MODES = {
    "asymmetric": {},
    "corners": {"alignCorners": True},
    "half_pixel": {"halfPixelCenters": True},
}
OPTIONS = {
    "RESIZE_BILINEAR": schema.ResizeBilinearOptionsT,
    "RESIZE_NEAREST_NEIGHBOR": schema.ResizeNearestNeighborOptionsT,
}


def resize_model(name: str, size: tuple[int, int], to: tuple[int, int], mode: str) -> bytes:
    operands = [Tensor((1, *size, 3)), np.int32(to)]
    return one_operator_model(name, operands, options=OPTIONS[name](**MODES[mode]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("size", "to"), SIZES)
def test_bilinear(size: tuple[int, int], to: tuple[int, int], mode: str) -> None:
    # The place of a sample, up to 16 pixels in, is rounded before its fraction is taken.
    assert_same(resize_model("RESIZE_BILINEAR", size, to, mode), 2 * max(*size, *to))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("size", "to"), SIZES)
def test_nearest(size: tuple[int, int], to: tuple[int, int], mode: str) -> None:
    assert_same(resize_model("RESIZE_NEAREST_NEIGHBOR", size, to, mode))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_computed_size_is_not_supported(name: str) -> None:
    operands = [Tensor((1, 4, 5, 3)), Tensor((2,), "int32")]
    model = one_operator_model(name, operands, [Tensor((1, 8, 10, 3))], options=OPTIONS[name]())
    with pytest.raises(UnsupportedOpError, match="input 1 is computed"):
        convert_bytes(model)
