"""DEPTH_TO_SPACE and SPACE_TO_DEPTH, against the reference kernels."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import assert_same, convert_bytes
from tflite2torch.converter.errors import InvalidModelError


@pytest.mark.parametrize("block", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (4, 5)])
def test_depth_to_space(size: tuple[int, int], channels: int, block: int) -> None:
    image = Tensor((1, *size, channels * block**2))
    options = schema.DepthToSpaceOptionsT(blockSize=block)
    assert_same(one_operator_model("DEPTH_TO_SPACE", [image], options=options))


@pytest.mark.parametrize("block", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (4, 5)])
def test_space_to_depth(size: tuple[int, int], channels: int, block: int) -> None:
    image = Tensor((1, size[0] * block, size[1] * block, channels))
    options = schema.SpaceToDepthOptionsT(blockSize=block)
    assert_same(one_operator_model("SPACE_TO_DEPTH", [image], options=options))


def test_channels_that_fill_no_block_are_a_damaged_file() -> None:
    model = one_operator_model(
        "DEPTH_TO_SPACE",
        [Tensor((1, 2, 2, 3))],
        [Tensor((1, 4, 4, 1))],
        schema.DepthToSpaceOptionsT(blockSize=2),
    )
    with pytest.raises(InvalidModelError, match="3 channels"):
        convert_bytes(model)
