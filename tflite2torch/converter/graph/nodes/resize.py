"""Bilinear and nearest-neighbor resizing."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.value import Shape, image_shape, image_sizes

SCALED = 'F.interpolate(x0, scale_factor=scale_factor, mode="bilinear")'
TEMPLATES = {
    ("bilinear", "half_pixel"): 'F.interpolate(x0, size, mode="bilinear")',
    ("bilinear", "corners"): ('F.interpolate(x0, size, mode="bilinear", align_corners=True)'),
    ("nearest", "asymmetric"): "F.interpolate(x0, size)",
    ("nearest", "half_pixel"): 'F.interpolate(x0, size, mode="nearest-exact")',
}
HELPERS = {
    ("bilinear", "asymmetric"): "resize_asymmetric",
    ("nearest", "corners"): "resize_nearest_corners",
}


@dataclass(eq=False, repr=False)
class Resize(Node):
    """Resizes an image to a (height, width).

    ``coordinates`` says at which input coordinate output pixel i is sampled, scale = in / out:
    ``asymmetric`` i * scale, ``half_pixel`` (i + 0.5) * scale - 0.5, ``corners``
    i * (in - 1) / (out - 1).
    """

    mode: str
    coordinates: str
    size: tuple[int, int]

    layout = "nchw"

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
        factor = self.factor
        if factor is not None:
            return Code(SCALED, {"scale_factor": float(factor)})  # TorchScript takes no int
        return Code(TEMPLATES[key], {"size": self.size})

    @property
    def factor(self) -> int | None:
        """An integer factor of enlargement that is printed in place of the size, or None."""
        if (self.mode, self.coordinates) != ("bilinear", "half_pixel"):
            return None
        # Given a factor, torch computes coordinates from it, otherwise from the ratio of sizes.
        # The two agree exactly for powers of two.
        height, width = self.inputs[0].shape[2:]
        factor = self.size[0] // height
        larger = self.size == (factor * height, factor * width) and factor > 1
        return factor if larger and factor & (factor - 1) == 0 else None
