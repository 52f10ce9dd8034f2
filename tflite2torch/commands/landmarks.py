"""``tflite2torch landmarks``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tflite2torch.commands.options import (
    FolderPath,
    SourcePath,
    note_written,
    print_json,
    printing,
    progress,
    tell_error,
)
from tflite2torch.console import console
from tflite2torch.converter.errors import MissingDependencyError, OutputError, SourceError
from tflite2torch.converter.output import output_folder
from tflite2torch.converter.version import __version__

if TYPE_CHECKING:
    from tflite2torch.pipeline.face_landmarker import Face, FaceLandmarker

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""The files of a folder that are images."""

SETTINGS = "settings.json"
"""What a folder of results was made with."""

_confidence = click.FloatRange(0, 1)


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    required=True,
    type=FolderPath(),
    help="Folder for the results; created where missing.",
)
@click.option(
    "--task",
    metavar="FILE",
    default="face_landmarker",
    show_default=True,
    type=SourcePath(),
    help="A face_landmarker.task, or its official name.",
)
@click.option(
    "--networks",
    type=click.Choice(["torch", "litert"]),
    default="torch",
    show_default=True,
    help="Who runs the networks; litert gives MediaPipe's results bit for bit.",
)
@click.option("--num-faces", type=click.IntRange(1), default=1, show_default=True, help="At most.")
@click.option("--min-face-detection-confidence", type=_confidence, default=0.5, show_default=True)
@click.option("--min-face-presence-confidence", type=_confidence, default=0.5, show_default=True)
@click.option("--draw", is_flag=True, help="Write a picture of each image with its faces, too.")
@click.option("--force", is_flag=True, help="Compute images again that have results.")
@printing
def landmarks(
    images: tuple[Path, ...],
    out: Path,
    task: Path,
    networks: Any,
    num_faces: int,
    min_face_detection_confidence: float,
    min_face_presence_confidence: float,
    draw: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find faces in IMAGES: landmarks, blendshapes and poses, as MediaPipe does.

    IMAGES are files, or folders, which are searched for images. For each image, NAME.json has
    its width and height and its faces: 478 landmarks (x and y as fractions of width and height,
    z of the width), 52 blendshapes, the transformation matrix, and the detection's box, keypoints
    and score. With --draw, NAME.png shows them.

    An image that cannot be read is reported, and the others are done. A run that was interrupted
    goes on where it stopped: images with results are left as they are, unless --force is given.
    """
    options = {
        "num_faces": num_faces,
        "min_face_detection_confidence": min_face_detection_confidence,
        "min_face_presence_confidence": min_face_presence_confidence,
    }
    targets = _targets(images)
    try:
        from tflite2torch.pipeline.face_landmarker import FaceLandmarker
    except ImportError as error:
        raise MissingDependencyError(
            'finding faces needs torch: pip install "tflite2torch[pipeline]"'
        ) from error
    landmarker = FaceLandmarker.from_task(task, networks=networks, **options)
    settings = {
        "version": __version__,
        "task": hashlib.sha256(task.read_bytes()).hexdigest(),
        "networks": networks,
        **options,
    }
    _check_settings(out, settings, force)
    counts = {"images": len(targets), "faces": 0, "done_before": 0}
    failed: list[dict[str, str]] = []
    with progress(quiet) as bar:
        for path, name in bar.track(targets.items(), description="finding faces"):
            results = [f"{name}.json", *([f"{name}.png"] if draw else [])]
            if not force and all((out / result).exists() for result in results):
                counts["done_before"] += 1
                continue
            try:
                counts["faces"] += _find(landmarker, path, out, name, draw)
            except SourceError as error:
                failed.append({"image": str(path), "error": str(error)})
                tell_error(error)
    note_written(f"{len(targets) - len(failed)} results are in {out}")
    if as_json:
        print_json({"out": str(out), **counts, "failed": failed})
    elif not quiet:
        before = f", {counts['done_before']} done before" if counts["done_before"] else ""
        broken = f", {len(failed)} not read" if failed else ""
        said = f"{len(targets)} images, {counts['faces']} faces found{before}{broken}: {out}"
        console().print(said, markup=False)
    if failed:
        click.get_current_context().exit(1)


def _targets(sources: Sequence[Path]) -> dict[Path, str]:
    """Return the images of all sources, and what the results of each are called."""
    targets: dict[Path, str] = {}
    for source in sources:
        found = list(_images(source)) if source.is_dir() else [source]
        if not found:
            raise SourceError(f"{source}: no image in this folder; it takes {', '.join(SUFFIXES)}")
        for path in found:
            folder = source if source.is_dir() else path.parent
            targets.setdefault(path, str(path.relative_to(folder)))
    known: dict[str, Path] = {}
    for path, name in targets.items():
        if name in known:
            raise SourceError(
                f"{path} and {known[name]}: their results have one name; give the folder of both, "
                "or another -o for each"
            )
        known[name] = path
    return targets


def _images(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(root, f) for f in sorted(files) if f.lower().endswith(SUFFIXES))


def _check_settings(out: Path, settings: dict[str, Any], force: bool) -> None:
    """Write what results are made with; raise OutputError where those there were made otherwise."""
    path = out / SETTINGS
    if path.exists() and not force:
        try:
            known = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            known = {}
        if known != settings:
            raise OutputError(
                f"{path}: the results there were made with other options, or by another release; "
                "--force computes them again, and -o names another folder"
            )
        return
    with output_folder(out, force=True) as folder:
        folder.write(SETTINGS, json.dumps(settings, indent=2).encode() + b"\n")


def _find(landmarker: FaceLandmarker, path: Path, out: Path, name: str, draw: bool) -> int:
    """Write the results of an image, and return how many faces it has."""
    from tflite2torch.pipeline.images import read_image

    image = read_image(path)
    faces = landmarker.detect(image)
    document = {
        "image": str(path),
        "width": image.shape[2],
        "height": image.shape[1],
        "faces": [_facts(face) for face in faces],
    }
    target = out / name
    with output_folder(target.parent, force=True) as folder:
        folder.write(f"{target.name}.json", json.dumps(document, allow_nan=False).encode() + b"\n")
        if draw:
            from io import BytesIO

            from tflite2torch.pipeline.drawing import draw_faces

            picture = BytesIO()
            draw_faces(image, faces, landmarker.triangles).save(picture, "PNG")
            folder.write(f"{target.name}.png", picture.getvalue())
    return len(faces)


def _facts(face: Face) -> dict[str, Any]:
    return {
        "landmarks": face.landmarks.tolist(),
        "blendshapes": face.blendshapes,
        "matrix": None if face.matrix is None else face.matrix.tolist(),
        "box": None if face.box is None else face.box.tolist(),
        "keypoints": None if face.keypoints is None else face.keypoints.tolist(),
        "score": face.score,
    }
