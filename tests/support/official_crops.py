"""Crops with OpenCV's fixed-point maps, in an environment that has OpenCV.

    python official_crops.py FOLDER

FOLDER has ``crops.npz``: ``image`` H x W x 3, ``x`` and ``y``, N x h x w in 1/32 pixel, and
``zeros``, whether zeros stand outside. It writes ``results.npy``, N x h x w x 3.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    import cv2

    linear = cv2.INTER_LINEAR
    given = np.load(folder / "crops.npz")
    border = cv2.BORDER_CONSTANT if given["zeros"] else cv2.BORDER_REPLICATE
    crops = []
    for x, y in zip(given["x"], given["y"], strict=True):
        places = np.stack([x >> 5, y >> 5], axis=2).astype(np.int16)
        weights = ((y & 31) * 32 + (x & 31)).astype(np.uint16)
        crops.append(cv2.remap(given["image"], places, weights, linear, borderMode=border))
    np.save(folder / "results.npy", np.array(crops))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
