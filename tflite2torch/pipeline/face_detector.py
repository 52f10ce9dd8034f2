"""MediaPipe's FaceDetector: from photos to boxes and keypoints of faces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor, nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.frontends.file import printable
from tflite2torch.converter.sources import read_sources
from tflite2torch.pipeline.detection import (
    Detections,
    DetectorLayout,
    anchors,
    decode,
    suppress,
    to_image,
)
from tflite2torch.pipeline.images import ImageLike, read_image
from tflite2torch.pipeline.networks import MAX_BATCH, Networks, load_networks
from tflite2torch.pipeline.regions import letterbox
from tflite2torch.pipeline.warp import Crop, warp

KEYPOINTS = 6
"""Of a face: right eye, left eye, nose, mouth, right ear, left ear."""


class FaceDetector(nn.Module):
    """The official task in PyTorch, for short-range and full-range models, sparse or not."""

    def __init__(
        self, network: nn.Module, layout: DetectorLayout, confidence: float, overlap: float
    ) -> None:
        """Compose a detector.

        Args:
            network: as ``pipeline.networks`` has them.
            layout: of its inputs and outputs.
            confidence: the smallest probability that counts.
            overlap: detections whose boxes overlap more, as intersection over union, are one.
        """
        super().__init__()
        self.network = network
        self.layout = layout
        self.confidence = confidence
        self.overlap = overlap
        self._anchors = anchors(layout)
        self.register_buffer("_place", torch.empty(0), persistent=False)

    @classmethod
    def from_model(
        cls,
        path: str | os.PathLike[str],
        *,
        networks: Networks = "torch",
        min_detection_confidence: float = 0.5,
        min_suppression_threshold: float = 0.3,
    ) -> FaceDetector:
        """Load a ``face_detection_*.tflite``, or the detector of a ``face_landmarker.task``.

        Args:
            path: of the file.
            networks: ``torch``, the emitted module, or ``litert``, the official file.
            min_detection_confidence: of a detection, from 0 to 1.
            min_suppression_threshold: detections that overlap more, from 0 to 1, are one.

        Raises:
            SourceError: the file cannot be read, or has no detector of faces.
            InvalidModelError, UnsupportedOpError: as ``convert`` does.
            MissingDependencyError: LiteRT is asked for, and not installed.
        """
        files = {f.name: f for f in read_sources([Path(path)]) if f.name.startswith("face_det")}
        if len(files) != 1:
            raise SourceError(
                f"{printable(str(path))}: {len(files) or 'no'} files called face_det… in it; give "
                "one face_detection_*.tflite, or a face_landmarker.task"
            )
        loaded, conversions = load_networks(files, list(files), networks)
        [(name, network)] = loaded.items()
        layout = face_layout(conversions[name])
        return cls(network, layout, min_detection_confidence, min_suppression_threshold)

    def forward(self, images: Sequence[Tensor], *, crop: Crop = "exact") -> list[Detections]:
        """Return the detections of each image, best first, on the CPU.

        Args:
            images: 3 x H x W each, RGB in 0 to 255, uint8 or floating point.
            crop: of the letterboxed image; ``smooth`` moves detections.
        """
        found = []
        scale = (self.layout.high - self.layout.low) / 255
        for start in range(0, len(images), MAX_BATCH):
            batch = images[start : start + MAX_BATCH]
            inputs = torch.cat([self._letterboxed(image, crop) for image in batch])
            outputs = self.network(inputs * scale + self.layout.low)
            rows, logits = (output.cpu() for output in outputs)
            for image, row, logit in zip(batch, rows, logits, strict=True):
                candidates = decode(
                    row.reshape(len(self._anchors), -1),
                    logit,
                    self._anchors.to(row.dtype),
                    self.confidence,
                    self.layout,
                )
                size = image.shape[2], image.shape[1]
                found.append(to_image(suppress(candidates, self.overlap), size))
        return found

    @overload
    def detect(self, images: ImageLike) -> Detections: ...
    @overload
    def detect(self, images: list[Any] | tuple[Any, ...]) -> list[Detections]: ...
    @torch.no_grad()
    def detect(self, images: Any) -> Any:
        """Return the detections of an image, or of each image of a list; best first.

        Args:
            images: what ``read_image`` takes, or a list of it; sizes may differ.

        Raises SourceError for an image that cannot be read; nothing is computed then.
        """
        if not isinstance(images, (list, tuple)):
            return self.detect([images])[0]
        device = self.get_buffer("_place").device
        pixels = [read_image(x, f"image {place}").to(device) for place, x in enumerate(images)]
        found: list[Detections] = self(pixels)
        return found

    def _letterboxed(self, image: Tensor, crop: Crop) -> Tensor:
        dtype = torch.float64 if image.dtype == torch.float64 else torch.float32
        region = letterbox((image.shape[2], image.shape[1]), dtype)
        return warp(image, region, self.layout.size, "zeros", crop)


def face_layout(conversion: Conversion) -> DetectorLayout:
    """Return the layout of a detector of faces.

    Raises SourceError where the model is none: it has other outputs, no anchors, or no range.
    """
    [image, *others] = conversion.inputs
    grid, values = conversion.sizes.anchor_grid, image["value_range"]
    width = 4 + 2 * KEYPOINTS
    shapes = [output["shape"] for output in conversion.outputs]
    square = len(image["shape"]) == 4 and image["shape"][2] == image["shape"][3]
    detects = len(shapes) == 2 and [s[-1] for s in shapes] == [width, 1] and square
    if others or not detects or grid is None or values is None:
        raise SourceError(
            f"{conversion.file.label}: no detector of faces: it lacks an image, anchors, or rows "
            f"of {width} numbers and of 1; give a face_detection_*.tflite"
        )
    low, high = values
    return DetectorLayout(image["shape"][2], grid, KEYPOINTS, low, high)
