"""Normalizations. LayerNorm is no TFLite operator; a pass finds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.node import Code, Node
from tflite2torch.converter.graph.value import Shape


@dataclass(eq=False, repr=False)
class LayerNorm(Node):
    """Mean 0 and variance 1 over the last axis, then scale and shift."""

    epsilon: float

    def infer(self) -> list[Shape]:
        return [self.inputs[0].shape]

    def layer(self) -> Code | None:
        epsilon = float(np.format_float_positional(np.float32(self.epsilon)))
        return Code(
            "nn.LayerNorm(normalized_shape, eps=eps, bias=bias)",
            {
                "normalized_shape": self.inputs[0].shape[-1],
                "eps": epsilon,
                "bias": "bias" in self.parameters,
            },
            {"eps": 1e-5, "bias": True},
        )
