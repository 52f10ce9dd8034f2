"""The official models, and what the passes make of each of them."""

from __future__ import annotations

from dataclasses import dataclass

BUNDLE = "face_landmarker.task"
BUNDLED = ("face_detector", "face_landmarks_detector", "face_blendshapes")
"""The models of the bundle."""


@dataclass(frozen=True)
class Facts:
    """What is left of a model when the passes have run.

    Attributes:
        permutes: between NHWC and NCHW, beyond the file's own TRANSPOSE operators.
        odd_paddings: steps that pad right and bottom for TFLite's SAME.
    """

    permutes: int
    odd_paddings: int


FACTS = {
    "face_detector": Facts(4, 4),
    "face_landmarks_detector": Facts(0, 1),
    "face_blendshapes": Facts(0, 0),
    "legacy/face_detection_back": Facts(4, 5),
    "legacy/face_detection_front": Facts(4, 4),
    "legacy/face_detection_full_range": Facts(2, 5),
    "legacy/face_landmark": Facts(0, 7),
    "legacy/face_landmark_f16": Facts(0, 7),
    "legacy/iris_landmark": Facts(0, 1),
    "wheel/face_detection_full_range_sparse": Facts(2, 0),
    "wheel/face_detection_short_range": Facts(4, 4),
    "wheel/face_landmark": Facts(0, 7),
    "wheel/face_landmark_with_attention": Facts(0, 17),
    "wheel/hand_landmark_full": Facts(0, 5),
    "wheel/hand_landmark_lite": Facts(0, 5),
    "wheel/hand_recrop": Facts(0, 1),
    "wheel/iris_landmark": Facts(0, 1),
    "wheel/palm_detection_full": Facts(4, 5),
    "wheel/palm_detection_lite": Facts(4, 5),
    "wheel/pose_detection": Facts(6, 0),
    "wheel/pose_landmark_full": Facts(0, 2),
    "wheel/selfie_segmentation": Facts(0, 4),
    "wheel/selfie_segmentation_landscape": Facts(0, 4),
}
"""Models that convert, by where they come from: the bundle, ``legacy``, MediaPipe's wheel."""
