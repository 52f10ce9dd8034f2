"""Runs MediaPipe's own FaceLandmarker; in a process of its own, with its own environment.

    python official_tasks.py TASK FOLDER

FOLDER has ``images.npz`` and ``cases.json``: a list of {"options", "images"} or, of videos,
{"options", "images", "timestamps"}, of keys of the images. It writes ``results.npz``, with keys
CASE/IMAGE/landmarks, /blendshapes and /matrices, for the faces of each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(task: str, folder: Path) -> None:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    images = np.load(folder / "images.npz")
    cases = json.loads((folder / "cases.json").read_text())
    results: dict[str, Any] = {}
    for number, case in enumerate(cases):
        stamps = case.get("timestamps")
        mode = vision.RunningMode.IMAGE if stamps is None else vision.RunningMode.VIDEO
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=task),
            running_mode=mode,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
            **case["options"],
        )
        with vision.FaceLandmarker.create_from_options(options) as landmarker:
            for place, key in enumerate(case["images"]):
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=images[key])
                if stamps is None:
                    found = landmarker.detect(image)
                else:
                    found = landmarker.detect_for_video(image, stamps[place])
                name = f"{number}/{place}"
                results[f"{name}/landmarks"] = np.array(
                    [[[p.x, p.y, p.z] for p in face] for face in found.face_landmarks], np.float32
                ).reshape(-1, 478, 3)
                results[f"{name}/blendshapes"] = np.array(
                    [[c.score for c in face] for face in found.face_blendshapes], np.float32
                ).reshape(-1, 52)
                results[f"{name}/matrices"] = np.array(
                    found.facial_transformation_matrixes, np.float64
                ).reshape(-1, 4, 4)
    np.savez(folder / "results.npz", **results)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
