"""MediaPipe's own runtime as a reference: it answers, and says what hinders it.

With it, all outputs of the models that use its operators are compared, and each of these
operators in its own place.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.custom import require_mediapipe, run_module
from tests.support.fakes import Fakes
from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.operators import ULP, convert_bytes
from tests.support.reference import run_reference
from tflite2torch.converter.errors import (
    InvalidModelError,
    ReferenceFailedError,
    ReferenceMissingError,
)
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.model import Operator, TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.face import face_photo
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import PATTERNS, SIGNED, make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.editing import with_outputs
from tflite2torch.parity.reference.environment import PYTHON
from tflite2torch.parity.reference.mediapipe import MediaPipeReference
from tflite2torch.parity.reference.process import Limits
from tflite2torch.parity.reference.wire import Array

MESH = "face_landmark_with_attention.tflite"
SELFIES = ["selfie_segmentation.tflite", "selfie_segmentation_landscape.tflite"]


@pytest.fixture
def negation() -> bytes:
    return one_operator_model("NEG", [Tensor((1, 2))], options=schema.NegOptionsT())


def test_no_environment(monkeypatch: pytest.MonkeyPatch, negation: bytes) -> None:
    monkeypatch.setenv(PYTHON, "/no/such/python")
    reason = MediaPipeReference.unavailable()
    assert "there is no /no/such/python; run: tflite2torch reference" in reason
    with pytest.raises(ReferenceMissingError) as caught:
        MediaPipeReference(negation, "builtin", label="face")
    assert str(caught.value) == f"face: MediaPipe, builtin kernels: {reason}"


def test_an_environment_without_mediapipe(monkeypatch: pytest.MonkeyPatch, negation: bytes) -> None:
    monkeypatch.setenv(PYTHON, sys.executable)
    message = "MediaPipe cannot be imported .No module named 'mediapipe'.; run: tflite2torch ref"
    with pytest.raises(ReferenceFailedError, match=message):
        MediaPipeReference(negation, "builtin")


def test_a_broken_model() -> None:
    require_mediapipe()
    with pytest.raises(InvalidModelError):
        MediaPipeReference(b"TFL3" * 9, "builtin")


def test_only_float32() -> None:
    require_mediapipe()
    model = one_operator_model("NEG", [Tensor((1, 2), "int32")], ["int32"], schema.NegOptionsT())
    with pytest.raises(ReferenceFailedError, match="takes and gives float32 numbers"):
        MediaPipeReference(model, "builtin")


def test_an_operator_that_it_lacks() -> None:
    require_mediapipe()
    model = one_operator_model("Blink", [Tensor((1, 2))], [Tensor((1, 2))])
    with pytest.raises(ReferenceFailedError, match=r"xnnpack kernels: .*AllocateTensors"):
        MediaPipeReference(model, "xnnpack")


def test_inputs_that_it_cannot_be_given(negation: bytes) -> None:
    require_mediapipe()
    with MediaPipeReference(negation, "builtin") as reference:
        with pytest.raises(ReferenceFailedError, match="an input that is not below"):
            reference.run([np.float32([[1e6, 0]])])
        with pytest.raises(ReferenceFailedError, match=r"takes no float32 \(2, 1\) as"):
            reference.run([np.float32([[1], [0]])])
        with pytest.raises(ReferenceFailedError, match="takes no float64"):
            reference.run([np.float64([[1, 0]])])
        answers = reference.run([np.float32([[1.5, -2]])])
        (output,) = reference.outputs
        assert answers[output.index].tolist() == [[-1.5, 2]]


def test_it_may_end_any_time(negation: bytes) -> None:
    require_mediapipe()
    with MediaPipeReference(negation, "builtin") as reference:
        os.kill(reference.process_id, signal.SIGKILL)
        with pytest.raises(ReferenceFailedError, match=r"MediaPipe.*ended by SIGKILL"):
            reference.run([np.float32([[1, 2]])])


@pytest.mark.parametrize("limits", [Limits(memory=60 << 20), Limits(seconds=0.01)])
def test_it_has_limits(negation: bytes, limits: Limits) -> None:
    require_mediapipe()
    with pytest.raises(ReferenceFailedError, match="MediaPipe, builtin kernels"):
        MediaPipeReference(negation, "builtin", limits=limits)


@pytest.mark.parametrize(
    "invoke",
    ["self.answer = np.ones(3, np.float32)", "self.answer = np.ones(0, np.float32)"],
)
def test_answers_of_another_size(
    negation: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    invoke: str,
) -> None:
    said = r"answered with something else than float32 \[1, 2\] for tensor 1"
    Fakes(tmp_path, monkeypatch).mediapipe(invoke, input=(1, 2), output=(1, 2))
    with (
        MediaPipeReference(negation, "builtin") as reference,
        pytest.raises(ReferenceFailedError, match=said),
    ):
        reference.run([np.zeros((1, 2), np.float32)])


def test_what_it_did_not_see_is_no_answer(
    negation: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Fakes(tmp_path, monkeypatch).mediapipe("pass", input=(1, 2), output=(1, 2))
    with MediaPipeReference(negation, "builtin") as reference:
        answers = reference.run([np.zeros((1, 2), np.float32)])
        assert answers[reference.outputs[0].index].tolist() == [[1, 1]]
        with pytest.raises(ReferenceFailedError, match="did not see the numbers"):
            reference.run([np.float32([[0, 1]])])


def test_inputs_and_outputs_keep_their_order() -> None:
    require_mediapipe()
    builder = ModelBuilder()
    a, b = builder.input((1, 3)), builder.input((1, 1, 3))
    options = schema.SubOptionsT()
    [difference] = builder.operator("SUB", [a, b], options=options)
    [negative] = builder.operator("NEG", [b], options=schema.NegOptionsT())
    model = builder.build([negative, difference])
    values = [np.float32([[5, 7, -0.25]]), np.float32([[[1, 2, 4]]])]
    with MediaPipeReference(model, "xnnpack") as reference:
        answers = reference.run(values)
        ours = [answers[tensor.index] for tensor in reference.outputs]
    for one, other in zip(ours, run_reference(model, values), strict=True):
        np.testing.assert_array_equal(one, other)


def test_answers_are_those_of_the_interpreter(models: Callable[[str], Path]) -> None:
    """Where TFLite's own interpreter has all operators, both give the same, rounding aside.

    They are of different versions of TFLite, whose sums need not be in the same order.
    """
    require_mediapipe()
    model = models("iris_landmark.tflite").read_bytes()
    values = np.random.default_rng(0).uniform(0, 1, (1, 64, 64, 3)).astype(np.float32)
    with MediaPipeReference(model, "builtin") as reference:
        answers = reference.run([values])
        ours = [answers[tensor.index] for tensor in reference.outputs]
    for one, other in zip(ours, run_reference(model, [values]), strict=True):
        np.testing.assert_allclose(one, other, 0, 64 * ULP * np.abs(other).max())


@pytest.mark.parametrize("name", [MESH, *SELFIES])
def test_all_outputs_are_those_of_mediapipe(wheel_models: dict[str, bytes], name: str) -> None:
    require_mediapipe()
    conversion = convert_bytes(wheel_models[name], Path(name).stem)
    samples = make_samples(Interface.of(conversion).inputs, 0)
    options = Options((1, 2, 5), outputs_only=True)
    report = compare_model(conversion, load_module(conversion), samples, options)
    assert report.passed, report.verdict
    assert report.reference == "mediapipe"
    assert len(report.layers) == (7 if name == MESH else 1)
    assert report.samples == tuple(p for p in PATTERNS if p != SIGNED)


@dataclass(frozen=True)
class Place:
    """A custom operator in a model."""

    model: TfliteModel
    operator: Operator

    @property
    def tensors(self) -> tuple[int, ...]:
        return self.operator.inputs + self.operator.outputs

    def alone(self, weights: Sequence[Array] = ()) -> bytes:
        """Return a model of this operator alone, whose last operands are weights."""
        operator, tensors = self.operator, self.model.tensors
        computed = operator.inputs[: len(operator.inputs) - len(weights)]
        operands = [*(Tensor(tensors[index].shape) for index in computed), *weights]
        outputs = [Tensor(tensors[index].shape) for index in operator.outputs]
        return one_operator_model(
            operator.name,
            operands,
            outputs,
            custom_options=operator.custom_options,
            version=operator.version,
        )


def custom_places(model: bytes) -> list[Place]:
    read = read_model(ModelFile("model", "model", model))
    return [Place(read, operator) for operator in read.operators if operator.custom]


def run_inner(model: bytes, tensors: Sequence[int], values: Array) -> dict[int, Array]:
    wanted = list(dict.fromkeys(tensors))
    with MediaPipeReference(with_outputs(model, wanted), "builtin") as reference:
        return reference.run([values])


@pytest.mark.parametrize("kind", ["random", "face"])
def test_each_operator_in_its_place_in_the_mesh(wheel_models: dict[str, bytes], kind: str) -> None:
    """Each gets what the runtime's own gets there (teacher-forced).

    A crop's error comes from its places, which are off by a few ulps of the largest
    coordinate, times the steepest slope; the others' from a dozen products.
    """
    require_mediapipe()
    model = wheel_models[MESH]
    values = np.random.default_rng(0).uniform(0, 1, (1, 192, 192, 3))
    if kind == "face":
        values = face_photo(192, 192)[np.newaxis] / 255
    places = custom_places(model)
    assert len(places) == 11
    tensors = [index for place in places for index in place.tensors]
    found = run_inner(model, tensors, values.astype(np.float32))
    for place in places:
        inputs = [found[index] for index in place.operator.inputs]
        [expected] = [found[index] for index in place.operator.outputs]
        [result] = run_module(place.alone(), [inputs])
        scale = np.abs(expected).max()
        if place.operator.name == "TransformTensorBilinear":
            scale = max(inputs[0].shape) * 2 * np.abs(inputs[0]).max()
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(result, expected, rtol=0, atol=8 * ULP * scale)


@pytest.mark.parametrize("name", SELFIES)
def test_the_deconvolution_in_its_place(wheel_models: dict[str, bytes], name: str) -> None:
    """Sixteen products at each pixel, and a bias."""
    require_mediapipe()
    model = wheel_models[name]
    [place] = custom_places(model)
    _, height, width, _ = place.model.tensors[place.model.inputs[0]].shape
    values = (face_photo(width, height)[np.newaxis] / 255).astype(np.float32)
    found = run_inner(model, place.tensors, values)
    x, *weights = [found[index] for index in place.operator.inputs]
    [expected] = [found[index] for index in place.operator.outputs]
    [result] = run_module(place.alone(weights), [[x]])
    limit = 17 * ULP * np.abs(expected).max()
    np.testing.assert_allclose(result, expected, rtol=0, atol=limit)
