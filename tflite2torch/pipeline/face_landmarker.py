"""MediaPipe's FaceLandmarker: from photos to landmarks, blendshapes and poses of faces.

The order of stages is that of ``face_landmarker_graph.cc`` and the graphs it is made of.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor, nn

from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.frontends.archive import Archive, Budget
from tflite2torch.converter.frontends.file import printable
from tflite2torch.converter.sources import read_sources
from tflite2torch.pipeline.detection import Detections
from tflite2torch.pipeline.face_detector import KEYPOINTS, FaceDetector, face_layout
from tflite2torch.pipeline.geometry import FaceGeometry, read_geometry
from tflite2torch.pipeline.images import ImageLike, read_image
from tflite2torch.pipeline.networks import MAX_BATCH, Networks, load_networks
from tflite2torch.pipeline.pose import poses
from tflite2torch.pipeline.regions import (
    Size,
    from_detections,
    from_landmarks,
    matrices,
    project,
    project_depth,
    to_pixels,
)
from tflite2torch.pipeline.smoothing import OneEuro
from tflite2torch.pipeline.tracking import associate
from tflite2torch.pipeline.warp import Crop, warp

DETECTOR, MESH, BLENDSHAPES = "face_detector", "face_landmarks_detector", "face_blendshapes"
GEOMETRY = "geometry_pipeline_metadata_landmarks.binarypb"

POINTS = 478
"""The mesh has 468, each iris 5 more."""

MESH_SIZE = 256

OVERLAP = 0.5
"""What detections may overlap and be two: the task has no option for it."""


@dataclass(frozen=True)
class FaceLandmarkerOptions:
    """The options of the official task, under its names.

    Attributes:
        num_faces: the most faces of an image.
        min_face_detection_confidence: of a detection, from 0 to 1.
        min_face_presence_confidence: that a region shows a face; it has to be larger.
        min_tracking_confidence: how far regions of a video may overlap, as intersection over
            union, and be two faces.
        output_face_blendshapes: compute them.
        output_facial_transformation_matrixes: compute poses.
    """

    num_faces: int = 1
    min_face_detection_confidence: float = 0.5
    min_face_presence_confidence: float = 0.5
    min_tracking_confidence: float = 0.5
    output_face_blendshapes: bool = True
    output_facial_transformation_matrixes: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.num_faces, int) or self.num_faces < 1:
            raise ValueError(f"num_faces is {self.num_faces}; give a whole number from 1")
        for name in ("face_detection", "face_presence", "tracking"):
            value = getattr(self, f"min_{name}_confidence")
            if not 0 <= value <= 1:
                raise ValueError(f"min_{name}_confidence is {value}; give 0 to 1")


@dataclass(frozen=True)
class Faces:
    """The faces of all images of a batch, in order of images.

    Attributes:
        image: F, the place of each face's image in the batch.
        landmarks: F x 478 x 3: x and y as fractions of the image's width and height, z as a
            fraction of its width, smaller towards the camera.
        blendshapes: F x 52, from 0 to 1; None where they are not asked for.
        matrices: F x 4 x 4, from the canonical face in centimetres to the camera's space; None
            where they are not asked for.
        posed: F, whether a face has a pose; where not, its matrix means nothing.
        detections: boxes, keypoints and scores; NaN for a face that is tracked.
        regions: F x 5, where the mesh network looked: see ``pipeline.regions``.
        sizes: F x 2, width and height of the images.
    """

    image: Tensor
    landmarks: Tensor
    blendshapes: Tensor | None
    matrices: Tensor | None
    posed: Tensor | None
    detections: Detections
    regions: Tensor
    sizes: Tensor


@dataclass(frozen=True)
class Face:
    """One face of an image; tensors are on the CPU.

    Attributes:
        landmarks: 478 x 3, as in ``Faces``.
        pixels: 478 x 3: the landmarks in pixels of the image.
        blendshapes: 52 coefficients from 0 to 1, by the official names; empty where they are not
            asked for.
        matrix: 4 x 4, from the canonical face in centimetres to the camera's space; None where it
            is not asked for, or where the points lie too near each other for a pose.
        box: 4: x, y of the upper left corner, width, height of the detection, as fractions of the
            image; None for a face that is tracked.
        keypoints: 6 x 2, likewise: right eye, left eye, nose, mouth, right ear, left ear.
        score: of the detection, from 0 to 1; None for a face that is tracked.
        region: center x, center y, width, height as fractions of the image, rotation in radians.
    """

    landmarks: Tensor
    pixels: Tensor
    blendshapes: dict[str, float]
    matrix: Tensor | None
    box: Tensor | None
    keypoints: Tensor | None
    score: float | None
    region: Tensor


class FaceLandmarker(nn.Module):
    """The official task in PyTorch: batched, and differentiable.

    ``detect`` and ``detect_video`` take images as people have them and answer as the official
    task; ``forward`` takes a batch of float images and has gradients. Networks and pixels stay
    on the device of the module; boxes and regions, a few numbers of each face, are computed on
    the CPU. At most 16 inputs go through a network at once, which bounds memory.

    Attributes:
        options: of the task.
        names: of the blendshapes, in order.
        triangles: of the mesh, T x 3 places of landmarks.
    """

    def __init__(
        self,
        detector: FaceDetector,
        networks: dict[str, nn.Module],
        geometry: FaceGeometry,
        subset: Sequence[int],
        names: Sequence[str],
        options: FaceLandmarkerOptions,
    ) -> None:
        """Compose a landmarker.

        Args:
            detector: of faces.
            networks: ``face_landmarks_detector`` and ``face_blendshapes``, as
                ``pipeline.networks`` has them.
            geometry: the canonical face.
            subset: the points that the blendshapes are computed from.
            names: of the blendshapes.
            options: of the task.
        """
        super().__init__()
        self.detector = detector
        self.networks = nn.ModuleDict(networks)
        self.options = options
        self.names = tuple(names)
        self._subset = list(subset)
        self.triangles = geometry.triangles
        self.register_buffer("_vertices", torch.tensor(geometry.vertices), persistent=False)
        self.register_buffer("_weights", torch.tensor(geometry.weights), persistent=False)
        self.register_buffer("_place", torch.empty(0), persistent=False)

    @classmethod
    def from_task(
        cls, path: str | os.PathLike[str], *, networks: Networks = "torch", **options: Any
    ) -> FaceLandmarker:
        """Load a ``face_landmarker.task``.

        Args:
            path: of the bundle.
            networks: ``torch``, the emitted modules, or ``litert``, the official files.
            options: those of ``FaceLandmarkerOptions``.

        Raises:
            SourceError: the file cannot be read, or is no bundle of a face landmarker.
            InvalidModelError, UnsupportedOpError: as ``convert`` does.
            MissingDependencyError: LiteRT is asked for, and not installed.
            ValueError: an option is out of range.
        """
        chosen = FaceLandmarkerOptions(**options)
        files = {file.name: file for file in read_sources([Path(path)])}
        missing = {DETECTOR, MESH, BLENDSHAPES} - set(files)
        if missing:
            raise SourceError(
                f"{printable(str(path))}: no {', '.join(sorted(missing))} in it; give a "
                "face_landmarker.task"
            )
        loaded, conversions = load_networks(files, (DETECTOR, MESH, BLENDSHAPES), networks)
        known = conversions[BLENDSHAPES]
        detector = FaceDetector(
            loaded.pop(DETECTOR),
            face_layout(conversions[DETECTOR]),
            chosen.min_face_detection_confidence,
            OVERLAP,
        )
        return cls(
            detector,
            loaded,
            _read_geometry(Path(path)),
            [int(label) for label in known.inputs[0]["labels"]],
            known.outputs[0]["labels"],
            chosen,
        )

    def forward(
        self,
        images: Tensor,
        *,
        crop: Crop = "straight_through",
        detector_crop: Crop = "straight_through",
    ) -> Faces:
        """Return the faces of images, differentiable to their pixels, through the regions too.

        Args:
            images: N x 3 x H x W in [0, 1], RGB, floating point.
            crop: of the mesh network's input. ``straight_through`` has the values of the official
                task and the gradient of bilinear interpolation; ``smooth`` has that of its values.
            detector_crop: likewise; ``smooth`` moves faces by up to some pixels.

        Raises:
            ValueError: the shape or dtype is another one, or a value is not finite.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            kind = f"{tuple(images.shape)} of {images.dtype}"
            raise ValueError(f"takes (N, 3, H, W) of a floating-point type, not {kind}")
        if 0 in images.shape[2:]:
            raise ValueError(f"the images have no pixels: their shape is {tuple(images.shape)}")
        if not bool(images.isfinite().all()):
            raise ValueError("the images have values that are not finite")
        pixels = list(images.to(self._device) * 255)
        return self._run(pixels, self._detections(pixels, detector_crop), crop)

    @overload
    def detect(self, images: ImageLike, *, crop: Crop = "exact") -> list[Face]: ...
    @overload
    def detect(
        self, images: list[Any] | tuple[Any, ...], *, crop: Crop = "exact"
    ) -> list[list[Face]]: ...
    @torch.no_grad()
    def detect(self, images: Any, *, crop: Crop = "exact") -> Any:
        """Return the faces of an image, or of each image of a list, in the official order.

        Args:
            images: what ``read_image`` takes, or a list of it; sizes may differ.
            crop: of the mesh network's input; ``exact`` is the official task's.

        Raises SourceError for an image that cannot be read; nothing is computed then.
        """
        if not isinstance(images, (list, tuple)):
            return self.detect([images], crop=crop)[0]
        pixels = [
            read_image(image, f"image {place}").to(self._device)
            for place, image in enumerate(images)
        ]
        found = self._run(pixels, self._detections(pixels, "exact"), crop)
        return self._listed(found, len(pixels))

    @torch.no_grad()
    def detect_video(
        self, frames: Iterable[ImageLike], timestamps: Iterable[float], *, crop: Crop = "exact"
    ) -> Iterator[list[Face]]:
        """Yield the faces of each frame of a video, tracked, and smoothed where there is one.

        Args:
            frames: what ``read_image`` takes, in order.
            timestamps: of the frames, in milliseconds; they rise.
            crop: as in ``detect``.

        Raises SourceError for a frame that cannot be read, and ValueError for a timestamp that
        does not rise.
        """
        previous = torch.empty(0, 5)
        last, smoother = -1.0, OneEuro()
        for place, (frame, timestamp) in enumerate(zip(frames, timestamps, strict=False)):
            if timestamp <= last:
                raise ValueError(f"timestamp {timestamp} of frame {place} follows {last}")
            last = timestamp
            pixels = [read_image(frame, f"frame {place}").to(self._device)]
            size = _size(pixels[0])
            groups = [previous]
            detections = None
            if len(previous) < self.options.num_faces:
                [detections] = self._detections(pixels, "exact")
                groups.append(from_detections(detections.boxes, detections.keypoints, size))
            regions = associate(groups, self.options.min_tracking_confidence)
            regions = regions[: self.options.num_faces]
            known = _matching(regions, groups[-1] if detections else None, detections)
            found = self._mesh(pixels, [regions], [known], crop)
            previous = from_landmarks(found.landmarks, size).cpu()
            if self.options.num_faces == 1:
                if len(previous):
                    smooth = smoother(found.landmarks[0].cpu(), size, timestamp)
                    found.landmarks[0] = smooth.to(found.landmarks)
                else:
                    smoother = OneEuro()
            yield self._listed(self._finished(found), 1)[0]

    @property
    def _device(self) -> torch.device:
        place: Tensor = self.get_buffer("_place")
        return place.device

    def _detections(self, images: Sequence[Tensor], crop: Crop) -> list[Detections]:
        """Return the best detections of each image, at most ``num_faces``."""
        found = self.detector(images, crop=crop)
        return [detections[: self.options.num_faces] for detections in found]

    def _run(self, images: Sequence[Tensor], found: Sequence[Detections], crop: Crop) -> Faces:
        regions = [
            from_detections(x.boxes, x.keypoints, _size(image))
            for image, x in zip(images, found, strict=True)
        ]
        return self._finished(self._mesh(images, regions, found, crop))

    def _mesh(
        self,
        images: Sequence[Tensor],
        regions: Sequence[Tensor],
        detections: Sequence[Detections],
        crop: Crop,
    ) -> Faces:
        """Return the landmarks of the regions that show a face, without what follows from them."""
        places = [place for place, rows in enumerate(regions) for _ in rows]
        looks = [row for rows in regions for row in rows]
        landmarks, present = [], []
        for batch in _batches(range(len(looks))):
            inputs, projections = [], []
            for place, group in itertools.groupby(batch, key=lambda i: places[i]):
                image = images[place]
                size = _size(image)
                pixels = to_pixels(torch.stack([looks[i] for i in group]), size)
                inputs.append(warp(image, pixels, MESH_SIZE, "border", crop))
                projections.append(matrices(pixels, size))
            outputs = self.networks[MESH](torch.cat(inputs) * (1 / 255))
            matrix = torch.cat(projections).to(outputs[0].device)
            points = outputs[0].reshape(-1, POINTS, 3) / MESH_SIZE
            depth = project_depth(points[:, :, 2], matrix)
            landmarks.append(torch.cat([project(points[:, :, :2], matrix), depth[:, :, None]], 2))
            present.append(torch.sigmoid(outputs[1][:, 0].detach().double()))
        dtype = _dtype(images[0]) if images else torch.float32
        kept = torch.cat([torch.empty(0).double(), *(x.cpu() for x in present)])
        kept = (kept > self.options.min_face_presence_confidence).nonzero()[:, 0]
        every = torch.cat([torch.empty(0, POINTS, 3, dtype=dtype).to(self._device), *landmarks])
        sizes = torch.tensor([_size(images[place]) for place in places], dtype=dtype)
        return Faces(
            torch.tensor(places, dtype=torch.long)[kept],
            every[kept.to(every.device)],
            None,
            None,
            None,
            _joined(detections, dtype)[kept],
            torch.cat([torch.empty(0, 5, dtype=dtype), *regions])[kept],
            sizes.reshape(-1, 2)[kept],
        )

    def _finished(self, faces: Faces) -> Faces:
        """Return faces with blendshapes and poses, of which both follow from the landmarks."""
        blendshapes, pose, posed = None, None, None
        landmarks = faces.landmarks
        sizes = faces.sizes.to(landmarks.device)
        if self.options.output_face_blendshapes:
            blendshapes = landmarks.new_zeros(0, len(self.names))
            if len(landmarks):
                points = landmarks[:, self._subset, :2] * sizes[:, None]
                [blendshapes] = self.networks[BLENDSHAPES](points)
        if self.options.output_facial_transformation_matrixes:
            vertices, weights = self.get_buffer("_vertices"), self.get_buffer("_weights")
            pose, posed = poses(landmarks, sizes, vertices, weights)
        return Faces(
            faces.image,
            landmarks,
            blendshapes,
            pose,
            posed,
            faces.detections,
            faces.regions,
            faces.sizes,
        )

    def _listed(self, faces: Faces, count: int) -> list[list[Face]]:
        """Return the faces of each of the images."""
        lists: list[list[Face]] = [[] for _ in range(count)]
        landmarks = faces.landmarks.cpu()
        shapes = None if faces.blendshapes is None else faces.blendshapes.tolist()
        pose = None if faces.matrices is None else faces.matrices.cpu()
        for k, place in enumerate(faces.image.tolist()):
            detected = bool(faces.detections.scores[k].isfinite())
            wide, high = faces.sizes[k].tolist()
            lists[place].append(
                Face(
                    landmarks[k],
                    landmarks[k] * landmarks.new_tensor([wide, high, wide]),
                    {} if shapes is None else dict(zip(self.names, shapes[k], strict=True)),
                    pose[k] if pose is not None and bool(faces.posed[k]) else None,  # type: ignore[index]
                    faces.detections.boxes[k] if detected else None,
                    faces.detections.keypoints[k] if detected else None,
                    float(faces.detections.scores[k]) if detected else None,
                    faces.regions[k],
                )
            )
        return lists


def _read_geometry(path: Path) -> FaceGeometry:
    with path.open("rb") as stream:
        archive = Archive(stream, printable(path.name), Budget(path.stat().st_size))
        for entry in archive.entries:
            if entry.name.rpartition("/")[2] == GEOMETRY:
                return read_geometry(archive.read(entry), f"{archive.label}/{GEOMETRY}")
    raise SourceError(f"{printable(str(path))}: no {GEOMETRY} in it; give a face_landmarker.task")


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), MAX_BATCH):
        yield items[start : start + MAX_BATCH]


def _size(image: Tensor) -> Size:
    return image.shape[2], image.shape[1]


def _dtype(image: Tensor) -> torch.dtype:
    """Return what regions of an image are computed in: float32, or float64 where the image is."""
    return torch.float64 if image.dtype == torch.float64 else torch.float32


def _joined(detections: Sequence[Detections], dtype: torch.dtype) -> Detections:
    boxes = torch.cat([torch.empty(0, 4, dtype=dtype), *(x.boxes for x in detections)])
    points = [x.keypoints for x in detections]
    scores = torch.cat([torch.empty(0, dtype=dtype), *(x.scores for x in detections)])
    empty = torch.empty(0, KEYPOINTS, 2, dtype=dtype)
    return Detections(boxes, torch.cat([empty, *points]), scores)


def _matching(
    regions: Tensor, detected: Tensor | None, detections: Detections | None
) -> Detections:
    """Return the detection of each region, NaN for one that comes from the frame before."""
    count = len(regions)
    boxes = torch.full((count, 4), torch.nan)
    points = torch.full((count, KEYPOINTS, 2), torch.nan)
    scores = torch.full((count,), torch.nan)
    if detected is not None and detections is not None:
        for place, region in enumerate(regions):
            for k in (detected == region).all(1).nonzero()[:1, 0]:
                boxes[place], points[place] = detections.boxes[k], detections.keypoints[k]
                scores[place] = detections.scores[k]
    return Detections(boxes, points, scores)
