"""Linear layer."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Node
from tflite2torch.converter.graph.value import Shape


@dataclass(eq=False, repr=False)
class Linear(Node):
    """Linear layer over the last axis; the weight is (out_features, in_features)."""

    def infer(self) -> list[Shape]:
        return [(*self.inputs[0].shape[:-1], self.parameters["weight"].shape[0])]

    def layer(self) -> Code | None:
        outputs, inputs = self.parameters["weight"].shape
        return Code(
            "nn.Linear(in_features, out_features, bias=bias)",
            {
                "in_features": inputs,
                "out_features": outputs,
                "bias": "bias" in self.parameters,
            },
            {"bias": True},
        )
