"""A small network with one of each thing that ports get wrong, and its conversion."""

from __future__ import annotations

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.models import ModelBuilder
from tests.support.operators import weights
from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.loading import load_module

HEIGHT, WIDTH, CHANNELS = 16, 12, 8
"""Half of the height is the number of channels: a slope fits both axes."""


def layered_model() -> bytes:
    """Return a model of a strided convolution, PReLU, a shortcut, a resize and a head."""
    builder = ModelBuilder()
    image = builder.input((1, HEIGHT, WIDTH, 3))
    relu = schema.ActivationFunctionType.RELU
    [stem] = builder.operator(
        "CONV_2D",
        [image, weights(CHANNELS, 3, 3, 3), weights(CHANNELS)],
        options=schema.Conv2DOptionsT(strideH=2, strideW=2, fusedActivationFunction=relu),
    )
    plain = schema.Conv2DOptionsT(strideH=1, strideW=1)
    [mixed] = builder.operator(
        "CONV_2D",
        [stem, weights(CHANNELS, 1, 1, CHANNELS), weights(CHANNELS)],
        options=plain,
    )
    [bent] = builder.operator("PRELU", [mixed, weights(1, 1, CHANNELS)])
    [total] = builder.operator("ADD", [bent, stem], options=schema.AddOptionsT())
    [large] = builder.operator(
        "RESIZE_BILINEAR",
        [total, np.array([HEIGHT, WIDTH], np.int32)],
        options=schema.ResizeBilinearOptionsT(halfPixelCenters=True),
    )
    [head] = builder.operator(
        "CONV_2D", [large, weights(4, 3, 3, CHANNELS), weights(4)], options=plain
    )
    [score] = builder.operator("LOGISTIC", [head])
    return builder.build([score])


RELU, MIXED, BENT, TOTAL, LARGE, HEAD, SCORE = 3, 6, 8, 9, 11, 14, 15
"""Its tensors."""


def layered_conversion() -> Conversion:
    """Convert it."""
    return convert_model(ModelFile("layered", "layered.tflite", layered_model()))


class Twin(nn.Module):
    """The same network as a person would write it, in parts that faults are planted in.

    Its operations are those of the emitted module, of whatever names.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 3, stride=2)
        self.mixed = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.slope = nn.PReLU(CHANNELS)
        self.head = nn.Conv2d(CHANNELS, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of an image."""
        x = self.begin(self.stem(self.pad(x)))
        return self.end(self.head(self.enlarge(self.join(self.bend(x), x))))

    def pad(self, x: Tensor) -> Tensor:
        """Pad for TFLite's SAME."""
        return F.pad(x, (0, 1, 0, 1))

    def begin(self, x: Tensor) -> Tensor:
        """Apply the stem's activation."""
        return F.relu(x)

    def bend(self, x: Tensor) -> Tensor:
        """Mix the channels, and apply a PReLU."""
        bent: Tensor = self.slope(self.mixed(x))
        return bent

    def join(self, bent: Tensor, x: Tensor) -> Tensor:
        """Add the shortcut."""
        return bent + x

    def enlarge(self, x: Tensor) -> Tensor:
        """Double the size."""
        return F.interpolate(x, (HEIGHT, WIDTH), mode="bilinear")

    def end(self, x: Tensor) -> Tensor:
        """Turn logits into scores."""
        return torch.sigmoid(x)


def with_weights(module: nn.Module, conversion: Conversion) -> nn.Module:
    """Return a module, in eval mode, with the weights of a conversion in their order."""
    weights = load_module(conversion).state_dict().values()
    keys = module.state_dict().keys()
    module.load_state_dict(dict(zip(keys, weights, strict=True)))
    return module.eval()
