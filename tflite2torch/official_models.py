"""The registry of official models: what each is called, and where Google publishes it.

Licences, titles, ranges and the meaning of outputs are in ``converter.official``, by checksum.
Whether a URL still gives the file of the checksum is checked whenever it is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MODELS = "https://storage.googleapis.com/mediapipe-models"
"""Where the models of MediaPipe's tasks are, by task, name, precision and version."""

ASSETS = "https://storage.googleapis.com/mediapipe-assets"
"""Where the models of the legacy solutions are."""

CARDS = "https://storage.googleapis.com/mediapipe-assets"
"""Where the model cards are, as PDF."""

APACHE = "Apache-2.0"


@dataclass(frozen=True)
class OfficialModel:
    """A file that Google publishes.

    Attributes:
        name: what it is asked for by.
        file: its file name.
        sha256: of the file.
        url: where it is published. None of them was reached when this table was written: they are
            those of Google's pages.
        holds: the models in it, by name; of a bundle several.
        card: the file name of its model card in ``CARDS``; empty where none is known for sure.
        licence: as the model card says.
    """

    name: str
    file: str
    sha256: str
    url: str
    holds: tuple[str, ...]
    card: str = ""
    licence: str = APACHE


def _bundle(name: str, sha256: str, path: str, holds: str, card: str) -> OfficialModel:
    file = f"{name}.task"
    return OfficialModel(name, file, sha256, f"{MODELS}/{path}/{file}", tuple(holds.split()), card)


def _asset(name: str, sha256: str, card: str) -> OfficialModel:
    file = f"{name}.tflite"
    return OfficialModel(name, file, sha256, f"{ASSETS}/{file}", (name,), card)


_SHORT = "MediaPipe%20BlazeFace%20Model%20Card%20(Short%20Range).pdf"
_MESH = "Model%20Card%20MediaPipe%20Face%20Mesh%20V2.pdf"
_HAND = "Model%20Card%20Hand%20Tracking%20(Lite_Full)%20with%20Fairness%20Oct%202021.pdf"
_POSE = "Model%20Card%20BlazePose%20GHUM%203D.pdf"

OFFICIAL: Mapping[str, OfficialModel] = {
    model.name: model
    for model in (
        _bundle(
            "face_landmarker",
            "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            "face_landmarker/face_landmarker/float16/1",
            "face_detector face_landmarks_detector face_blendshapes",
            _MESH,
        ),
        _asset(
            "face_detection_full_range_sparse",
            "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
            "",
        ),
        _asset(
            "face_detection_short_range",
            "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
            _SHORT,
        ),
        _asset(
            "face_landmark",
            "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
            _MESH,
        ),
        _asset(
            "face_landmark_with_attention",
            "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
            _MESH,
        ),
        _asset(
            "hand_landmark_full",
            "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
            _HAND,
        ),
        _asset(
            "hand_landmark_lite",
            "048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6",
            _HAND,
        ),
        _asset(
            "hand_recrop", "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d", _HAND
        ),
        _asset(
            "iris_landmark",
            "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
            "",
        ),
        _asset(
            "palm_detection_full",
            "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
            _HAND,
        ),
        _asset(
            "palm_detection_lite",
            "e9a4aaddf90dda56a87235303cf00e4c2d3fb28725f68fd88772997dac905c18",
            _HAND,
        ),
        _asset(
            "pose_detection",
            "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
            _POSE,
        ),
        _asset(
            "pose_landmark_full",
            "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
            _POSE,
        ),
        _asset(
            "selfie_segmentation",
            "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
            "",
        ),
        _asset(
            "selfie_segmentation_landscape",
            "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
            "",
        ),
    )
}
"""All of them, by name."""
