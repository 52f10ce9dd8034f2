"""Builtin and custom operators take turns, each with kernels of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.custom import require_mediapipe
from tests.support.models import ModelBuilder, Tensor, one_operator_model
from tests.support.reference import run_reference
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.parity.reference.backends import choose_backend, start_references
from tflite2torch.parity.reference.environment import PYTHON
from tflite2torch.parity.reference.interpreter import Reference
from tflite2torch.parity.reference.mediapipe import MediaPipeReference
from tflite2torch.parity.reference.phases import PhasedReference, phases

POINTS = (1, 2, 3)


def mirrored_twice() -> bytes:
    """Return a model that moves negated landmarks, by a matrix that is an input too.

    It gives the result, what it has in between, and an input.
    """
    builder = ModelBuilder()
    points, matrix = builder.input(POINTS), builder.input((1, 4, 4))
    negated = builder.operator("NEG", [points], [Tensor(POINTS)], options=schema.NegOptionsT())
    moved = builder.operator("TransformLandmarks", [*negated, matrix], [Tensor(POINTS)], version=2)
    result = builder.operator("NEG", moved, [Tensor(POINTS)], options=schema.NegOptionsT())
    return builder.build([*result, *moved, points])


def test_operators_take_turns() -> None:
    model = read_model(ModelFile("model", "model", mirrored_twice()))
    turns = [[operator.name for operator in phase] for phase in phases(model)]
    assert turns == [["NEG"], ["TransformLandmarks"], ["NEG"]]


def test_turns_in_the_mesh(wheel_models: dict[str, bytes]) -> None:
    data = wheel_models["face_landmark_with_attention.tflite"]
    model = read_model(ModelFile("mesh", "mesh", data))
    turns = list(phases(model))
    kinds = [{operator.custom for operator in phase} for phase in turns]
    assert kinds == [{False}, {True}, {False}, {True}, {False}]
    ran = sorted(operator.index for phase in turns for operator in phase)
    assert ran == list(range(len(model.operators)))


def test_answers_pass_from_turn_to_turn() -> None:
    require_mediapipe()
    matrix = np.zeros((1, 4, 4), np.float32)
    matrix[0, 0, :2], matrix[0, 0, 3], matrix[0, 1, 0] = (2, 1), 5, 3
    points = np.float32([[[1, 2, 3], [-4, 5, -6]]])
    model = mirrored_twice()
    with PhasedReference(model) as reference:
        answers = reference.run([points, matrix])
        ours = [answers[tensor.index] for tensor in reference.outputs]
    with MediaPipeReference(model, "builtin") as runtime:
        answers = runtime.run([points, matrix])
        theirs = [answers[tensor.index] for tensor in runtime.outputs]
    result, moved, given = ours
    assert moved.tolist() == [[[1, -3, -3], [8, 12, 6]]]
    np.testing.assert_array_equal(result, -moved)
    np.testing.assert_array_equal(given, points)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_single_turn_is_the_interpreter(models: Callable[[str], Path]) -> None:
    model = models("iris_landmark.tflite").read_bytes()
    values = np.random.default_rng(0).uniform(0, 1, (1, 64, 64, 3)).astype(np.float32)
    with PhasedReference(model) as reference:
        answers = reference.run([values])
        ours = [answers[tensor.index] for tensor in reference.outputs]
    for one, other in zip(ours, run_reference(model, [values]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_models_get_the_references_that_can_run_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kinds(data: bytes) -> dict[str, type[Reference]]:
        model = read_model(ModelFile("model", "model", data))
        with ExitStack() as stack:
            found = start_references(stack, model, data, choose_backend(model))
            return {kernels: type(reference) for kernels, reference in found.items()}

    plain = one_operator_model("NEG", [Tensor((1, 2))], options=schema.NegOptionsT())
    with monkeypatch.context() as context:
        context.setenv(PYTHON, "/no/such/python")
        assert set(kinds(plain).values()) == {Reference}
    require_mediapipe()
    assert kinds(mirrored_twice()) == {
        "reference": MediaPipeReference,
        "xnnpack": MediaPipeReference,
        "resummed": PhasedReference,
    }
