"""From a detector's outputs to boxes and keypoints: anchors, decoding, weighted suppression.

The order of sums is that of MediaPipe's ``tensors_to_detections_calculator.cc`` and
``non_max_suppression_calculator.cc``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tflite2torch.pipeline.regions import Size, letterbox, matrices, project


@dataclass(frozen=True)
class DetectorLayout:
    """How a detector's inputs and outputs are laid out; a conversion knows it of its file.

    Attributes:
        size: the side of its input, in pixels.
        grid: the stride and the anchors in a cell of each map it has anchors on.
        keypoints: of a detection.
        low: what a black pixel is fed as, and
        high: a white one.
    """

    size: int
    grid: tuple[tuple[int, int], ...]
    keypoints: int
    low: float
    high: float


CLIP = 100.0
"""The largest logit that counts (``face_detector_graph.cc``)."""


@dataclass(frozen=True)
class Detections:
    """What was found in an image, best first.

    Attributes:
        boxes: N x 4: x, y of the upper left corner, width, height, as fractions of the image.
        keypoints: N x K x 2, likewise.
        scores: N, probabilities.
    """

    boxes: Tensor
    keypoints: Tensor
    scores: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: slice | Tensor) -> Detections:
        return Detections(self.boxes[chosen], self.keypoints[chosen], self.scores[chosen])


def anchors(layout: DetectorLayout) -> Tensor:
    """Return the centers of a detector's anchors, rows x 2, as fractions of its input."""
    centers: list[tuple[float, float]] = []
    for stride, count in layout.grid:
        cells = math.ceil(layout.size / stride)
        for y in range(cells):
            for x in range(cells):
                centers += [((x + 0.5) / cells, (y + 0.5) / cells)] * count
    return torch.tensor(centers)


def decode(
    regressors: Tensor, logits: Tensor, centers: Tensor, confidence: float, layout: DetectorLayout
) -> Detections:
    """Return what a detector takes for a face in one input, in the order of anchors.

    Args:
        regressors: rows x (4 + 2 K), in pixels of the input, from the anchors.
        logits: rows.
        centers: what ``anchors`` gives.
        confidence: the smallest probability that counts.
        layout: of the detector.
    """
    clipped = logits.clamp(-CLIP, CLIP)
    scores = 1 / (1 + torch.exp(-clipped.double()).to(clipped.dtype))
    center = regressors[:, :2] / layout.size + centers
    extent = regressors[:, 2:4] / layout.size
    low, high = center - extent / 2, center + extent / 2
    boxes = torch.cat([low, high - low], dim=1)
    keypoints = regressors[:, 4:].reshape(-1, layout.keypoints, 2) / layout.size
    keypoints = keypoints + centers[:, None]
    # Compared in float32, the type that the options of MediaPipe's graphs have.
    limit = float(torch.tensor(confidence, dtype=torch.float32))
    found = ((scores >= limit) & (boxes[:, 2:] >= 0).all(1)).nonzero()[:, 0]
    return Detections(boxes[found], keypoints[found], scores[found])


def overlaps(boxes: Tensor, box: Tensor) -> Tensor:
    """Return the intersection over union of boxes, N x 4, with one."""
    low = torch.maximum(boxes[:, :2], box[:2])
    high = torch.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
    sides = high - low
    shared = torch.where((sides > 0).all(1), sides[:, 0] * sides[:, 1], 0.0)
    return shared / (boxes[:, 2] * boxes[:, 3] + box[2] * box[3] - shared)


def suppress(detections: Detections, overlap: float) -> Detections:
    """Return detections after weighted non-maximum suppression: overlapping ones are averaged.

    The candidates of a detection are constant between changes of their order, and its average
    has a gradient.
    """
    boxes, keypoints, scores = detections.boxes, detections.keypoints, detections.scores
    order = torch.sort(scores.detach(), descending=True, stable=True).indices
    ends = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1)
    rows = torch.cat([ends, keypoints.flatten(1), torch.ones_like(boxes[:, :1])], dim=1)
    weighted = rows * scores[:, None]
    merged, best = [], []
    while len(order):
        top = order[0]
        same = overlaps(boxes[order].detach(), boxes[top].detach()) > overlap
        row = rows[top]
        if same.any():
            # One after the other: the sum of float32 numbers depends on their order.
            total = torch.zeros_like(row)
            for candidate in weighted[order[same]]:
                total = total + candidate
            row = total / total[-1]
        merged.append(row)
        best.append(scores[top])
        if not same.any():  # a box without area overlaps nothing, not even itself
            break
        order = order[~same]
    if not merged:
        return detections
    result = torch.stack(merged)
    corner, opposite = result[:, :2], result[:, 2:4]
    return Detections(
        torch.cat([corner, opposite - corner], dim=1),
        result[:, 4:-1].reshape(-1, *keypoints.shape[1:]),
        torch.stack(best),
    )


def to_image(detections: Detections, size: Size) -> Detections:
    """Return detections of a letterboxed image as fractions of the image itself."""
    matrix = matrices(letterbox(size, detections.boxes.dtype), size)
    x, y, width, height = detections.boxes.unbind(1)
    quad = torch.stack([x, y, x + width, y, x + width, y + height, x, y + height], dim=1)
    quad = project(quad.reshape(-1, 4, 2), matrix)
    low, high = quad.amin(1), quad.amax(1)
    return Detections(
        torch.cat([low, high - low], dim=1),
        project(detections.keypoints, matrix),
        detections.scores,
    )
