"""torch.export, torch.compile and ONNX take the modules, for a batch of any size."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor

from tests.citizens.official import (
    SAMPLES,
    TRACED,
    Official,
    assert_identical,
    assert_named,
    run,
)

SIZES = (1, SAMPLES)
"""Batches other than the one that is traced."""


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    yield
    torch.compiler.reset()


def test_export(official: Official) -> None:
    module = official.exported.module()
    for size in SIZES:
        inputs = official.batch(size)
        assert_identical(run(module, inputs), run(official.module, inputs))
        assert_named(module(*inputs), official)


def test_compile_without_a_break(official: Official) -> None:
    assert_compiles(official, "aot_eager")


# A model costs inductor ten to thirty seconds, so only those are compiled to the end that
# most people come for: convolutions, PReLU, linear layers and LayerNorm are among them.
@pytest.mark.parametrize(
    "official",
    [
        "bundle/face_detector",
        "bundle/face_landmarks_detector",
        "bundle/face_blendshapes",
    ],
    indirect=True,
)
# Inductor imports what torch itself has deprecated; so does the exporter below.
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_inductor(official: Official) -> None:
    if not shutil.which(os.environ.get("CXX", "g++")):
        pytest.skip("inductor needs a C++ compiler: install g++")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("inductor needs Python's headers: install python3-dev")
    assert_compiles(official, "inductor")


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_onnx(official: Official) -> None:
    program = torch.onnx.export(official.exported, dynamo=True, verbose=False)
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    for size in SIZES:
        official.assert_near(run_onnx(session, official.batch(size)))


def assert_compiles(official: Official, backend: str) -> None:
    """Assert that one graph serves every batch, and computes what the module does."""
    module = torch.compile(official.module, fullgraph=True, backend=backend)
    inputs = official.batch(TRACED)
    for values in inputs:
        torch._dynamo.mark_dynamic(values, 0)
    official.assert_near(run(module, inputs))
    with torch.compiler.set_stance("fail_on_recompile"):
        official.assert_near(run(module, official.batch(SAMPLES)))


def run_onnx(session: onnxruntime.InferenceSession, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Return what onnxruntime gives, in the file's order."""
    names = [given.name for given in session.get_inputs()]
    arrays = [values.numpy() for values in inputs]
    return [
        torch.from_numpy(array)
        for array in session.run(None, dict(zip(names, arrays, strict=True)))
    ]
