"""Subnetworks on a crop around landmarks, as in MediaPipe's attention meshes."""

from __future__ import annotations

from tflite2torch.converter.graph.nodes.region import (
    TransformBilinear,
    TransformLandmarks,
)
from tflite2torch.converter.motifs.motif import Motif

REGION_ENCODER = Motif(
    "RegionEncoder",
    "encoder",
    lambda block: block.has(TransformBilinear),
    "Crops a region, turned upright, and encodes it.",
)
REGION_HEAD = Motif(
    "RegionHead",
    "head",
    lambda block: block.has(TransformLandmarks),
    "Finds landmarks in a region's features, and maps them to the image.",
)
