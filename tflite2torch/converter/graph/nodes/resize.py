"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes

SCALED = 'F.interpolate(x0, scale_factor=scale_factor, mode="bilinear")'
TEMPLATES = {
    ("bilinear", "half_pixel"): 'F.interpolate(x0, size, mode="bilinear")',
    ("bilinear", "corners"): (
        'F.interpolate(x0, size, mode="bilinear", align_corners=True)'
    ),
    ("nearest", "asymmetric"): "F.interpolate(x0, size)",
    ("nearest", "half_pixel"): 'F.interpolate(x0, size, mode="nearest-exact")',
}
HELPERS = {
    ("bilinear", "asymmetric"): "resize_asymmetric",
    ("nearest", "corners"): "resize_nearest_corners",
}


@dataclass(eq=False, repr=False)
class Resize(Node):
    """An image at another (height, width).

    ``coordinates`` says where an output pixel i is sampled, for a scale of in / out:
    ``asymmetric`` i * scale, ``half_pixel`` (i + 0.5) * scale - 0.5, ``corners``
    i * (in - 1) / (out - 1).
    """

    mode: str
    coordinates: str
    size: tuple[int, int]

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        x = self.inputs[0]
        _, _, channels = image_sizes(x)
        return [image_shape(x, self.size, channels)]

    def code(self) -> Code:
        key = (self.mode, self.coordinates)
        if key in HELPERS:
            name = HELPERS[key]
            height, width = self.size
            sizes: dict[str, Literal] = {"height": height, "width": width}
            return Code(f"{name}(x0, height, width)", sizes, helper=name)
        factor = self._factor()
        if factor is not None and key == ("bilinear", "half_pixel"):
            return Code(SCALED, {"scale_factor": factor})
        return Code(TEMPLATES[key], {"size": self.size})

    def _factor(self) -> int | None:
        """Return how many times larger the image gets, if torch then computes the same.

        It divides by the factor, which is exact for powers of two, where it otherwise
        divides sizes.
        """
        height, width = self.inputs[0].shape[2:]
        factor = self.size[0] // height
        larger = self.size == (factor * height, factor * width) and factor > 1
        return factor if larger and factor & (factor - 1) == 0 else None
