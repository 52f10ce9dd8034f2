"""CPU time of ``FaceLandmarker.detect`` beside MediaPipe's own, on one image with one face.

Run as ``python -m benchmarks.pipeline TASK``, with ``TFLITE2TORCH_TASKS`` naming a Python that has
mediapipe 1.2.2. It reports and asserts nothing. Rounds of all sides follow each other in turn, so
that whatever else the machine does touches them alike; CPU time is that of the whole process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch
from rich.table import Table

from benchmarks.process import show
from tflite2torch import FaceLandmarker

TARGETS = {"torch": 3.0, "torch, compiled": 2.0, "litert": 1.0}
"""The most CPU time of each kind of networks, of that of the official ``detect``."""

SIZE = (960, 640)

OFFICIAL = """
import sys, time
import mediapipe as mp, numpy as np
from mediapipe.tasks.python import BaseOptions, vision

options = vision.FaceLandmarkerOptions(
    base_options=BaseOptions(model_asset_path=sys.argv[1]),
    output_face_blendshapes=True,
    output_facial_transformation_matrixes=True,
)
image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.load(sys.argv[2]))
with vision.FaceLandmarker.create_from_options(options) as landmarker:
    for line in sys.stdin:
        start = time.process_time()
        for _ in range(int(line)):
            assert len(landmarker.detect(image).face_landmarks) == 1
        print("took", time.process_time() - start, flush=True)
"""


@click.command()
@click.argument("task", type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", type=click.IntRange(1), default=8, show_default=True)
@click.option("--calls", type=click.IntRange(1), default=10, show_default=True, help="In a round.")
@click.option("--compile", "compiled", is_flag=True, help="Measure compiled networks, too.")
def main(task: Path, rounds: int, calls: int, compiled: bool) -> None:
    """Measure the landmarker of TASK, a face_landmarker.task."""
    torch.set_num_threads(1)
    image = _image()
    sides: dict[str, Callable[[], float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "image.npy"), image)
        python = os.environ.get("TFLITE2TORCH_TASKS")
        if not python:
            raise click.UsageError("TFLITE2TORCH_TASKS names no Python with mediapipe 1.2.2")
        command = [python, "-c", OFFICIAL, str(task), str(Path(folder, "image.npy"))]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        ) as child:
            sides["official"] = lambda: _asked(child, calls)
            for name, networks in (("torch", "torch"), ("litert", "litert")):
                landmarker = FaceLandmarker.from_task(task, networks=networks)  # type: ignore[arg-type]
                sides[name] = lambda one=landmarker: _timed(one, image, calls)  # type: ignore[misc]
            if compiled:
                fast = FaceLandmarker.from_task(task)
                for part in (fast.detector.network, *fast.networks.values()):
                    part.compile()
                sides["torch, compiled"] = lambda: _timed(fast, image, calls)
            for side in sides.values():
                side()
            times: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(rounds):
                for name, side in sides.items():
                    times[name].append(side() / calls * 1000)
            child.stdin.close()  # type: ignore[union-attr]
    _show(times)


def _image() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a portrait that comes with matplotlib, on grey."""
    import matplotlib
    from PIL import Image

    path = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    canvas = Image.new("RGB", SIZE, (120, 120, 120))
    canvas.paste(Image.open(path).convert("RGB"), (220, 20))
    return np.asarray(canvas)


def _asked(child: subprocess.Popen[str], calls: int) -> float:
    assert child.stdin is not None
    assert child.stdout is not None
    print(calls, file=child.stdin, flush=True)
    for line in child.stdout:
        if line.startswith("took "):
            return float(line.split()[1])
    raise click.ClickException("MediaPipe's process ended")


def _timed(landmarker: FaceLandmarker, image: object, calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        landmarker.detect(image)  # type: ignore[call-overload]
    return time.process_time() - start


def _show(times: dict[str, list[float]]) -> None:
    table = Table(title=f"one face in {SIZE[0]} x {SIZE[1]}, CPU time of a call")
    table.add_column("networks")
    for heading in ("best ms", "median ms", "of official", "target"):
        table.add_column(heading, justify="right")
    best = min(times["official"])
    for name, values in times.items():
        limit = TARGETS.get(name)
        table.add_row(
            name,
            f"{min(values):.1f}",
            f"{statistics.median(values):.1f}",
            f"{min(values) / best:.2f}",
            "" if limit is None else f"{limit:.1f}",
        )
    show(table)


if __name__ == "__main__":
    main()
