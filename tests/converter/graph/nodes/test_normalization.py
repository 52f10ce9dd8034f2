"""The LayerNorm that a pass raises."""

from __future__ import annotations

import numpy as np

from tests.support.operators import weights
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.value import N, Value


def test_its_epsilon_is_the_shortest_decimal_of_the_float32() -> None:
    x = Value("x", (N, 7, 64), "float32")
    scale = Value("scale", (64,), "float32", data=weights(64))
    y = Value("y", (N, 7, 64), "float32")
    epsilon = float(np.float32(1.013279e-06))
    assert epsilon != 1.013279e-06
    code = LayerNorm([x], [y], epsilon, parameters={"weight": scale}).layer()
    assert code is not None
    assert code.arguments == {
        "normalized_shape": 64,
        "eps": 1.013279e-06,
        "bias": False,
    }
