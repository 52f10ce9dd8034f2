"""Official models of hands.

Sources: MediaPipe's graphs (``modules/palm_detection``, ``hand_landmark``,
``holistic_landmark``, ``tasks/cc/vision/hand_landmarker`` and ``gesture_recognizer``), and
results on a photo.
"""

from __future__ import annotations

from tflite2torch.converter.official.interface import (
    CROP,
    EMBEDDING,
    LETTERBOX,
    METRES,
    NORMALIZED,
    PIXELS,
    PROBABILITY,
    UNSIGNED,
    Interface,
    detections,
    files,
    image,
    tensor,
)

_POINTS = tuple(
    """
    wrist thumb_cmc thumb_mcp thumb_ip thumb_tip index_mcp index_pip index_dip index_tip
    middle_mcp middle_pip middle_dip middle_tip ring_mcp ring_pip ring_dip ring_tip
    pinky_mcp pinky_pip pinky_dip pinky_tip
    """.split()
)
_PALM = "wrist index_mcp middle_mcp ring_mcp pinky_mcp thumb_cmc thumb_mcp".split()
_RIGHT_HAND = "1 for a right hand, in a photo that is not mirrored"
_UPRIGHT = "with the middle finger up, from the wrist, over the longer side of their box"

HANDS = (
    Interface(
        "Finds palms of hands, a box and seven points of each.",
        inputs=(image(192, 192, "the whole photo", LETTERBOX),),
        outputs=detections(2016, "a palm", tuple(_PALM)),
        files=files(
            UNSIGNED,
            palm_detection_full="""
                1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54
                2f25e740121983f68ffc05f99991d524dc0ea812134f6316a26125816941ee85
            """,
            palm_detection_lite="""
                e9a4aaddf90dda56a87235303cf00e4c2d3fb28725f68fd88772997dac905c18
            """,
        ),
    ),
    Interface(
        "Finds 21 points of a hand in 3D, and tells which hand it is.",
        inputs=(
            image(
                224,
                224,
                "a hand with the fingers up, 2.6 times the box of its palm, moved by half a box "
                "towards the fingers",
                CROP,
            ),
        ),
        outputs=(
            tensor(
                (63,),
                "landmarks",
                PIXELS,
                ".unflatten(1, (21, 3)) are x, y, and z from the wrist at 0.4 times their scale",
                _POINTS,
            ),
            tensor((1,), "presence", PROBABILITY, "whether the image shows a hand"),
            tensor((1,), "handedness", PROBABILITY, _RIGHT_HAND),
            tensor(
                (63,),
                "world_landmarks",
                METRES,
                ".unflatten(1, (21, 3)) are x, y, z from about the middle of the knuckles",
                _POINTS,
            ),
        ),
        # The metadata of the first two exchanges the names of landmarks and handedness.
        files=files(
            UNSIGNED,
            hand_landmark_full="""
                11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3
                8c026882c9ec059ce0f8e75266bee5a9a23c341a40e0000df755374d3d1b9b68
            """,
            hand_landmark_lite="""
                048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6
                d7fde8ac11f8ce03f8663775bfc323f4fc9f2a38062b4f4efa142874ef5b2a48
            """,
        ),
    ),
    Interface(
        "Finds the right crop of a hand in a rough one.",
        inputs=(image(256, 256, "a hand, where wrist, index and pinky of a pose tell", CROP),),
        outputs=(
            tensor(
                (4,),
                "crop",
                PIXELS,
                "the center of the right crop, and a guide half its side away, below it once the "
                "fingers point up",
                ("center x", "center y", "guide x", "guide y"),
            ),
        ),
        files=files(
            UNSIGNED,
            hand_recrop="""
                67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d
            """,
        ),
        distinctive=False,
    ),
    Interface(
        "Turns the points of a hand into an embedding of its gesture.",
        inputs=(
            tensor((21, 3), "landmarks", NORMALIZED, f"21 points (x, y, z) {_UPRIGHT}", _POINTS),
            tensor((1,), "handedness", PROBABILITY, _RIGHT_HAND),
            tensor(
                (21, 3),
                "world_landmarks",
                NORMALIZED,
                f"21 points (x, y, z) of the world {_UPRIGHT}",
                _POINTS,
            ),
        ),
        outputs=(tensor((128,), "embedding", EMBEDDING, "what gesture classifiers take"),),
        files=files(
            None,
            gesture_embedder="""
                927e4f6cbe6451da6b4fd1485e2576a6f8dbd95062666661cbd9dea893c41d01
            """,
        ),
    ),
    Interface(
        "Classifies the embedding of a hand gesture.",
        inputs=(tensor((128,), "embedding", EMBEDDING, "what the gesture embedder gives"),),
        outputs=(
            tensor(
                (8,),
                "scores",
                "",  # The file is not at hand: whether it ends in a softmax is not known.
                "of each gesture",
                tuple(
                    """
                    None Closed_Fist Open_Palm Pointing_Up Thumb_Down Thumb_Up Victory ILoveYou
                    """.split()
                ),
            ),
        ),
        files=files(
            None,
            canned_gesture_classifier="""
                ee121d85979de1b86126faabb0a0f4d2e4039c3e33e2cd687db50571001b24d0
            """,
        ),
        distinctive=False,
    ),
)
