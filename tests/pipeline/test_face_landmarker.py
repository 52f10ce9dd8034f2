"""What holds of a landmarker without a reference: batches, gradients, options, bad input."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tflite2torch
from tests.pipeline.conftest import Photo
from tflite2torch import FaceDetector, FaceLandmarker
from tflite2torch.pipeline.face_landmarker import GEOMETRY
from tflite2torch.pipeline.geometry import read_geometry
from tflite2torch.pipeline.images import read_image


def test_faces_of_many_images_are_those_of_each(landmarker: FaceLandmarker, photo: Photo) -> None:
    large = np.asarray(Image.fromarray(photo).resize((700, 820)))
    images = [photo, large, np.zeros_like(photo), np.tile(photo, (1, 2, 1))] * 16
    together = landmarker.detect(images)
    assert [len(faces) for faces in together] == [1, 1, 0, 2] * 16
    for image, faces in zip(images[:4], together[-4:], strict=True):
        for ours, alone in zip(faces, landmarker.detect(image), strict=True):
            # A convolution of more inputs sums in another order, as another kernel does: what
            # passes is what passes beside the official task.
            assert float((ours.pixels - alone.pixels)[:, :2].abs().max()) <= 0.1
            assert ours.blendshapes == pytest.approx(alone.blendshapes, abs=1e-3)


def test_a_result_says_what_it_documents(landmarker: FaceLandmarker, photo: Photo) -> None:
    [face] = landmarker.detect(photo)
    height, width = photo.shape[:2]
    assert torch.allclose(face.pixels, face.landmarks * torch.tensor([width, height, width]))
    assert len(face.blendshapes) == 52
    assert face.blendshapes["eyeBlinkLeft"] < 0.3 > face.blendshapes["jawOpen"]
    assert face.matrix is not None
    assert face.box is not None
    assert face.keypoints is not None
    rotation = face.matrix[:3, :3].double()
    assert torch.allclose(rotation @ rotation.T, torch.eye(3).double(), atol=1e-4)
    assert -80 < float(face.matrix[2, 3]) < -20, "a portrait is taken from about half a metre"
    x, y, wide, high = face.box.tolist()
    inside = (face.keypoints > torch.tensor([x, y])) & (
        face.keypoints < torch.tensor([x + wide, y + high])
    )
    assert inside[:4].all()
    right_eye, left_eye = face.keypoints[:2]
    assert torch.dist(right_eye, face.landmarks[468, :2]) < 0.02
    assert torch.dist(left_eye, face.landmarks[473, :2]) < 0.02


def test_options_leave_out_what_is_not_asked_for(task: Path, photo: Photo) -> None:
    bare = FaceLandmarker.from_task(
        task, output_face_blendshapes=False, output_facial_transformation_matrixes=False
    )
    [face] = bare.detect(photo)
    assert face.blendshapes == {}
    assert face.matrix is None
    with pytest.raises(ValueError, match="networks is 'onnx'"):
        FaceLandmarker.from_task(task, networks="onnx")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="networks is 'onnx'"):
        FaceDetector.from_model(task, networks="onnx")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_faces is 0"):
        FaceLandmarker.from_task(task, num_faces=0)
    with pytest.raises(ValueError, match="min_tracking_confidence is 2"):
        FaceLandmarker.from_task(task, min_tracking_confidence=2)
    with pytest.raises(TypeError, match="max_faces"):
        FaceLandmarker.from_task(task, max_faces=2)


def test_forward_has_the_values_of_detect(landmarker: FaceLandmarker, photo: Photo) -> None:
    images = torch.from_numpy(np.stack([photo, photo[:, ::-1].copy()])).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        faces = landmarker(images)
    assert faces.image.tolist() == [0, 1]
    [alone] = landmarker.detect(photo)
    assert torch.allclose(faces.landmarks[0], alone.landmarks, atol=1e-5, rtol=0)
    assert faces.blendshapes.shape == (2, 52)
    assert faces.matrices.shape == (2, 4, 4)


def test_gradients_agree_with_central_differences_through_the_region(
    task: Path, photo: Photo
) -> None:
    double = FaceLandmarker.from_task(task).double()
    small = np.asarray(Image.fromarray(photo).resize((256, 300)))
    start = torch.from_numpy(small.copy()).permute(2, 0, 1)[None].double() / 255

    def answers(images: torch.Tensor) -> list[torch.Tensor]:
        faces = double(images, crop="smooth", detector_crop="smooth")
        matrix = faces.matrices[0]
        jaw = faces.blendshapes[0, double.names.index("jawOpen")]
        return [faces.landmarks[0, 1].sum(), jaw, matrix[0, 2], matrix[2, 3]]

    images = start.clone().requires_grad_()
    values = answers(images)
    for k, value in enumerate(values):
        (gradient,) = torch.autograd.grad(value, images, retain_graph=True)
        # Along itself, where the slope stands out of rounding. The networks have kinks, which a
        # long step passes: a right gradient agrees at one of the steps.
        direction = gradient / gradient.abs().max()
        expected, slopes = float((gradient * direction).sum()), []
        for step in (1e-8, 1e-9, 1e-10):
            with torch.no_grad():
                ahead, behind = (answers(start + sign * step * direction)[k] for sign in (1, -1))
            slopes.append(float(ahead - behind) / (2 * step))
        assert min(abs(slope / expected - 1) for slope in slopes) <= 1e-4, (k, expected, slopes)
    straight = double(images)
    assert straight.landmarks.requires_grad
    (through,) = torch.autograd.grad(straight.landmarks[0, 1].sum(), images)
    reached = (through != 0).any(1).double().mean()
    assert reached > 0.5, "the gradient passes the region, to what the detector sees"


def test_images_of_all_kinds_are_the_same(photo: Photo, tmp_path: Path) -> None:
    expected = torch.from_numpy(photo.copy()).permute(2, 0, 1)
    rgba = np.dstack([photo, np.full(photo.shape[:2], 7, np.uint8)])
    Image.fromarray(photo).save(tmp_path / "a.png")
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(photo)))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    for image in [
        photo,
        rgba,
        photo.astype(np.uint16) * 257,
        expected,
        Image.fromarray(photo),
        Image.fromarray(rgba),
        tmp_path / "a.png",
        str(tmp_path / "turned.png"),
    ]:
        assert torch.equal(read_image(image), expected)
    grey = photo[:, :, 1]
    for image in [grey, grey[..., None], Image.fromarray(grey), torch.from_numpy(grey.copy())]:
        assert torch.equal(read_image(image), torch.from_numpy(grey.copy()).expand(3, -1, -1))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    deep.save(tmp_path / "deep.png")
    assert torch.equal(read_image(tmp_path / "deep.png")[0], torch.from_numpy(grey.copy()))


def test_bad_images_end_in_one_line(photo: Photo, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "cut.jpg")
    data = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_text("no image")
    for image, said in [
        (photo / np.float32(255), "the range of float32 is not known"),
        (np.full((9, 9, 3), np.nan), "float64"),
        (np.zeros((0, 9, 3), np.uint8), "there are no pixels"),
        (np.zeros((9, 9, 5), np.uint8), r"its shape is \(9, 9, 5\)"),
        (torch.zeros(9, 9, 3, dtype=torch.uint8), "not 3 x H x W"),
        (Image.fromarray(np.full((9, 9), 70_000, np.int32)), "the range of int32 is not known"),
        (tmp_path / "cut.jpg", "cut.jpg: the image is broken"),
        (tmp_path / "text.jpg", "no image that Pillow reads"),
        (tmp_path / "none.jpg", "No such file"),
        (3, "a int"),
    ]:
        with pytest.raises(tflite2torch.SourceError, match=said):
            read_image(image)  # type: ignore[arg-type]


def test_images_of_odd_sizes_have_no_face_and_no_error(landmarker: FaceLandmarker) -> None:
    assert landmarker.detect([]) == []
    for shape in [(1, 1, 3), (2, 2, 3), (10, 40_000, 3), (5000, 1, 3)]:
        assert landmarker.detect(np.full(shape, 128, np.uint8)) == []


def test_forward_refuses_what_has_no_meaning(landmarker: FaceLandmarker) -> None:
    for images, said in [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "floating-point"),
        (torch.zeros(3, 8, 8), "takes"),
        (torch.full((1, 3, 8, 8), torch.nan), "not finite"),
        (torch.zeros(1, 3, 0, 8), "no pixels"),
    ]:
        with pytest.raises(ValueError, match=said):
            landmarker(images)


def test_timestamps_rise(landmarker: FaceLandmarker, photo: Photo) -> None:
    video = landmarker.detect_video([photo, photo], [10, 10])
    assert len(next(video)) == 1
    with pytest.raises(ValueError, match="timestamp 10 of frame 1 follows 10"):
        next(video)


def test_a_bundle_that_is_none_of_a_face(task: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.task"
    with zipfile.ZipFile(task) as source, zipfile.ZipFile(other, "w") as target:
        target.writestr("face_detector.tflite", source.read("face_detector.tflite"))
    with pytest.raises(tflite2torch.SourceError, match="no face_blendshapes, face_landmarks"):
        FaceLandmarker.from_task(other)


def test_a_broken_geometry_is_refused(task: Path) -> None:
    with zipfile.ZipFile(task) as bundle:
        data = bundle.read(GEOMETRY)
    good = read_geometry(data, "g")
    assert good.vertices.shape == (468, 3)
    assert good.triangles.shape == (898, 3)
    assert np.count_nonzero(good.weights) == 33
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(data)
        for place in draw.integers(0, len(data), 3):
            changed[place] = draw.integers(0, 256)
        cut = bytes(changed[: draw.integers(0, len(data))])
        try:
            read_geometry(cut, "g")
        except tflite2torch.InvalidModelError:
            refused += 1
    assert refused > 200
