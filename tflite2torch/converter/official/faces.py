"""Official models of faces."""

from __future__ import annotations

from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.official.interface import SIGNED, Interface, image

FACES: tuple[Interface, ...] = (
    Interface(
        "Detects faces near the camera and six points of each",
        inputs=(image(128, 128, "the whole photo", "letterbox"),),
        outputs=(
            (
                (896, 16),
                TensorMetadata(
                    "regressors",
                    unit="pixel units relative to the anchor",
                    meaning="a row an anchor: box center x and y, width, height, then six points",
                ),
            ),
            ((896, 1), TensorMetadata("classificators", unit="logit", meaning="a row an anchor")),
        ),
        files={
            "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f": (
                "face_detector",
                SIGNED,
            ),
        },
    ),
)
