"""Small files to call the command line with."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import weights


@pytest.fixture(scope="session")
def good_model() -> bytes:
    """A model of one convolution."""
    return one_operator_model(
        "CONV_2D",
        [Tensor((1, 4, 5, 3)), weights(2, 3, 3, 3), weights(2)],
        options=schema.Conv2DOptionsT(strideH=1, strideW=1),
    )


@pytest.fixture(scope="session")
def unsupported_model() -> bytes:
    """A model of three operators, two of which nobody knows."""
    builder = ModelBuilder()
    x = builder.input((1, 4))
    for name in ("Blink", "RELU", "Wink"):
        [x] = builder.operator(name, [x], [Tensor((1, 4))])
    return builder.build([x])


@pytest.fixture
def good(tmp_path: Path, good_model: bytes) -> Path:
    """A file that converts."""
    path = tmp_path / "good.tflite"
    path.write_bytes(good_model)
    return path


@pytest.fixture
def unsupported(tmp_path: Path, unsupported_model: bytes) -> Path:
    """A valid file that does not convert."""
    path = tmp_path / "unsupported.tflite"
    path.write_bytes(unsupported_model)
    return path
