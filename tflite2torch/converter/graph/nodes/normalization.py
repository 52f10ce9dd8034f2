"""Softmax, L2 normalization and layer normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.node import Code, Node
from tflite2torch.converter.graph.nodes.same_shape import SameShape
from tflite2torch.converter.graph.value import Shape

TEMPLATES = {
    "softmax": "F.softmax(x0, dim=dim)",
    "log_softmax": "F.log_softmax(x0, dim=dim)",
    # Source of the 1e-6: L2Normalization in kernels/internal/reference/l2normalization.h
    "l2": "F.normalize(x0, dim=dim, eps=1e-6)",
}


@dataclass(eq=False, repr=False)
class Normalize(SameShape):
    """``softmax``, ``log_softmax`` or ``l2`` normalization along an axis."""

    function: str
    axis: int

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axis = order.index(self.axis)

    def code(self) -> Code:
        return Code(TEMPLATES[self.function], {"dim": self.axis})


@dataclass(eq=False, repr=False)
class LayerNorm(Node):
    """Layer normalization over the last axis, with ``weight`` and perhaps ``bias``."""

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
            comment=_stored_in_half(epsilon),
        )


def _stored_in_half(number: float) -> str | None:
    """Return a comment on a number that has its digits because a file stores it as float16."""
    half = np.float16(number)
    plain = np.format_float_scientific(half, trim="-", exp_digits=1)
    widened = float(np.format_float_positional(np.float32(half)))
    return f"{plain} in float16" if widened == number != float(plain) else None
