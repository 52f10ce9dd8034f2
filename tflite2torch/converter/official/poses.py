"""Official models of whole bodies.

"Left" and "right" are those of the person. Sources: MediaPipe's graphs
(``modules/pose_detection``, ``pose_landmark``, ``tasks/cc/vision/pose_landmarker``), and
results on a photo.
"""

from __future__ import annotations

from tflite2torch.converter.official.interface import (
    CROP,
    LETTERBOX,
    LOGIT,
    METRES,
    PIXELS,
    PROBABILITY,
    SIGNED,
    UNSIGNED,
    Interface,
    detections,
    files,
    image,
    tensor,
)

_POINTS = tuple(
    """
    nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer
    left_ear right_ear mouth_left mouth_right left_shoulder right_shoulder left_elbow
    right_elbow left_wrist right_wrist left_pinky right_pinky left_index right_index
    left_thumb right_thumb left_hip right_hip left_knee right_knee left_ankle right_ankle
    left_heel right_heel left_foot_index right_foot_index hip_center size_and_rotation
    unused_35 unused_36 unused_37 unused_38
    """.split()
)

POSES = (
    Interface(
        "Finds people: a box of the face, and four points that align the body.",
        inputs=(image(224, 224, "the whole photo", LETTERBOX),),
        outputs=detections(
            2254,
            "a person",
            ("hip center", "size and rotation", "shoulder center", "upper size and rotation"),
        ),
        files=files(
            SIGNED,
            pose_detection="""
                9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c
                a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85
            """,
        ),
    ),
    Interface(
        "Finds 33 points of a body in 3D, and the pixels that show it.",
        inputs=(
            image(
                256,
                256,
                "a person upright, square around the hips",
                CROP,
            ),
        ),
        outputs=(
            tensor(
                (195,),
                "landmarks",
                f"{PIXELS}, then {LOGIT}s",
                ".unflatten(1, (39, 5)) are x, y, z from the hips as large as x, visibility, "
                "presence; points from 33 on are 2 to align and 4 unused",
                _POINTS,
            ),
            tensor((1,), "presence", PROBABILITY, "whether the image shows a person"),
            tensor((1, 256, 256), "segmentation", LOGIT, "whether a pixel shows the person"),
            tensor(
                (39, 64, 64),
                "heatmaps",
                LOGIT,
                "where each of the 39 points lies",
                _POINTS,
            ),
            tensor(
                (117,),
                "world_landmarks",
                METRES,
                ".unflatten(1, (39, 3)) are x, y, z from the hips",
                _POINTS,
            ),
        ),
        files=files(
            UNSIGNED,
            pose_landmark_lite="""
                f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61
                1150dc68a713b80660b90ef46ce4e85c1c781bb88b6e3512cc64e6a685ba5588
            """,
            pose_landmark_full="""
                e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f
            """,
            pose_landmark_heavy="""
                59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe
            """,
        ),
    ),
)
