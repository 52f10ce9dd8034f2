"""Runs MediaPipe's own FaceDetector; in a process of its own, with its own environment.

    python official_detector.py MODEL FOLDER

FOLDER has ``images.npz``. It writes ``results.npz``, with keys IMAGE/keypoints (N x 6 x 2) and
IMAGE/scores.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(model: str, folder: Path) -> None:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceDetectorOptions(base_options=BaseOptions(model_asset_path=model))
    results: dict[str, Any] = {}
    with vision.FaceDetector.create_from_options(options) as detector:
        for name, pixels in np.load(folder / "images.npz").items():
            found = detector.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=pixels))
            points = [[[p.x, p.y] for p in x.keypoints] for x in found.detections]
            scores = [x.categories[0].score for x in found.detections]
            results[f"{name}/keypoints"] = np.array(points, np.float32).reshape(-1, 6, 2)
            results[f"{name}/scores"] = np.array(scores, np.float32)
    np.savez(folder / "results.npz", **results)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
