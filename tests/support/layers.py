"""Writes layers of feature maps, whose sizes it keeps track of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, Operand, Ref, Tensor
from tests.support.networks import Network

RELU, RELU6 = 1, 3
"""Fused activations."""


@dataclass(frozen=True)
class Image:
    """A feature map of the network."""

    ref: Ref
    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.height, self.width, self.channels)


class Layers(Network):
    """Writes layers of feature maps; weights keep the magnitude of what passes."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = np.random.default_rng(seed)

    def operator(
        self,
        name: str,
        operands: Sequence[Operand],
        outputs: Sequence[Tensor | str] = ("float32",),
        options: Any = None,
        custom_options: bytes = b"",
        version: int = 1,
    ) -> list[Ref]:
        """Add an operator; tensors have no names, which would say what layers are."""
        given = [Tensor(data=o, name="") if isinstance(o, np.ndarray) else o for o in operands]
        results = [Tensor(dtype=o, name="") if isinstance(o, str) else o for o in outputs]
        return super().operator(name, given, results, options, custom_options, version)

    def image(self, height: int, width: int, channels: int) -> Image:
        """Add an input."""
        shape = (1, height, width, channels)
        return Image(self.input(shape), height, width, channels)

    def drawn(self, *shape: int) -> Array:
        """Return weights, those of one result in a row of axes."""
        scale = 1 / np.sqrt(max(int(np.prod(shape[1:])), 1))
        return np.asarray(self.random.standard_normal(shape) * scale, np.float32)

    def convolve(
        self,
        x: Image,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        same: bool = True,
        activation: int = 0,
        dilation: int = 1,
        bias: Operand = None,
    ) -> Image:
        """Convolve with a square kernel."""
        options = schema.Conv2DOptionsT(
            strideH=stride,
            strideW=stride,
            padding=0 if same else 1,
            fusedActivationFunction=activation,
            dilationHFactor=dilation,
            dilationWFactor=dilation,
        )
        weight = self.drawn(filters, kernel, kernel, x.channels)
        own = self.drawn(filters) if bias is None else bias
        operands: list[Operand] = [x.ref, weight, own]
        (ref,) = self.operator("CONV_2D", operands, options=options)
        return Image(ref, *_slid(x, kernel, stride, dilation, same=same), filters)

    def depthwise(
        self,
        x: Image,
        kernel: int = 3,
        stride: int = 1,
        *,
        same: bool = True,
        activation: int = 0,
        dilation: int = 1,
        multiplier: int = 1,
    ) -> Image:
        """Convolve each channel by itself."""
        options = schema.DepthwiseConv2DOptionsT(
            strideH=stride,
            strideW=stride,
            padding=0 if same else 1,
            depthMultiplier=multiplier,
            fusedActivationFunction=activation,
            dilationHFactor=dilation,
            dilationWFactor=dilation,
        )
        filters = x.channels * multiplier
        weight = self.drawn(1, kernel, kernel, filters) * np.float32(np.sqrt(filters))
        operands: list[Operand] = [x.ref, weight, self.drawn(filters)]
        (ref,) = self.operator("DEPTHWISE_CONV_2D", operands, options=options)
        return Image(ref, *_slid(x, kernel, stride, dilation, same=same), filters)

    def joined(self, images: Sequence[Image]) -> Image:
        """Put the channels of images of one size side by side."""
        options = schema.ConcatenationOptionsT(axis=3)
        operands = [image.ref for image in images]
        (ref,) = self.operator("CONCATENATION", operands, options=options)
        channels = sum(image.channels for image in images)
        return Image(ref, images[0].height, images[0].width, channels)

    def pool(
        self,
        x: Image,
        kernel: int = 2,
        stride: int = 2,
        *,
        kind: str = "MAX",
        same: bool = True,
    ) -> Image:
        """Pool over a square window."""
        options = schema.Pool2DOptionsT(
            filterHeight=kernel,
            filterWidth=kernel,
            strideH=stride,
            strideW=stride,
            padding=0 if same else 1,
        )
        (ref,) = self.operator(f"{kind}_POOL_2D", [x.ref], options=options)
        return Image(ref, *_slid(x, kernel, stride, 1, same=same), x.channels)

    def padded(self, x: Image, channels: int, before: int = 0, pixels: int = 0) -> Image:
        """Add channels of zeros, or a frame of them."""
        frame = [pixels, pixels]
        amounts = np.array([[0, 0], frame, frame, [before, channels - before]], np.int32)
        (ref,) = self.operator("PAD", [x.ref, amounts], options=schema.PadOptionsT())
        size = x.height + 2 * pixels, x.width + 2 * pixels
        return Image(ref, *size, x.channels + channels)

    def sliced(self, x: Image, channels: int, crop: int = 0, first: int = 0) -> Image:
        """Take some channels, and leave out a frame of pixels."""
        height, width = x.height - 2 * crop, x.width - 2 * crop
        begin = np.array([0, crop, crop, first], np.int32)
        size = np.array([1, height, width, channels], np.int32)
        operands: list[Operand] = [x.ref, begin, size]
        (ref,) = self.operator("SLICE", operands, options=schema.SliceOptionsT())
        return Image(ref, height, width, channels)

    def prelu(self, x: Image, slopes: int = 0) -> Image:
        """Bend each channel by a slope of its own, or all by one."""
        slope = np.abs(self.drawn(1, 1, slopes or x.channels))
        return self.like(x, self.function("PRELU", x.ref, slope))

    def sum(self, a: Image, b: Image, activation: int = 0) -> Image:
        """Add two feature maps."""
        return self.like(a, self.add(a.ref, b.ref, activation))

    def resized(self, x: Image, height: int, width: int) -> Image:
        """Interpolate between pixels, sampled at their middles."""
        options = schema.ResizeBilinearOptionsT(halfPixelCenters=True)
        operands: list[Operand] = [x.ref, np.array([height, width], np.int32)]
        (ref,) = self.operator("RESIZE_BILINEAR", operands, options=options)
        return Image(ref, height, width, x.channels)

    def excited(self, x: Image, reduction: int = 2) -> Image:
        """Scale each channel by what follows from the means of all."""
        axes = np.array([1, 2], np.int32)
        options = schema.ReducerOptionsT(keepDims=True)
        (mean,) = self.operator("MEAN", [x.ref, axes], options=options)
        hidden = max(x.channels // reduction, 1)
        gate = self.convolve(Image(mean, 1, 1, x.channels), hidden, activation=RELU)
        factor = self.function("LOGISTIC", self.convolve(gate, x.channels).ref)
        return self.like(x, self.mul(x.ref, factor))

    @staticmethod
    def like(x: Image, ref: Ref) -> Image:
        """Return another feature map of the same shape."""
        return Image(ref, x.height, x.width, x.channels)


def _slid(x: Image, kernel: int, stride: int, dilation: int, *, same: bool) -> tuple[int, int]:
    reach = (kernel - 1) * dilation + 1
    if same:
        return -(-x.height // stride), -(-x.width // stride)
    return (x.height - reach) // stride + 1, (x.width - reach) // stride + 1
