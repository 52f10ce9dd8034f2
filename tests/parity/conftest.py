"""A small converted network, and comparisons of it and of what is planted in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from torch import nn

import tflite2torch
from tests.support.layered import layered_conversion
from tests.support.official import BUNDLE
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample, make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.backends import References, start_references
from tflite2torch.parity.reference.process import Limits

Compare = Callable[..., ParityReport]
Reports = dict[str, ParityReport]
Started = dict[tuple[bytes, str], tuple[ExitStack, References]]
Paths = dict[int, str]


RUNNING = 2
"""Models whose references are kept running."""


@pytest.fixture(scope="session")
def started() -> Iterator[Started]:
    """References that were started, by model and backend, and what ends them."""
    found: Started = {}
    yield found
    for stack, _ in found.values():
        stack.close()


@pytest.fixture(autouse=True)
def share_references(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the references of a model once for comparisons that follow each other.

    Starting takes far longer than comparing a small network.
    """

    def start(
        _: ExitStack, model: TfliteModel, data: bytes, backend: str, limits: Limits
    ) -> References:
        key = data, backend
        if key not in started:
            if len(started) == RUNNING:
                started.pop(next(iter(started)))[0].close()
            with ExitStack() as stack:
                references = start_references(stack, model, data, backend, limits)
                started[key] = stack.pop_all(), references
        return started[key][1]

    monkeypatch.setattr("tflite2torch.parity.layers.compare.start_references", start)


@pytest.fixture(scope="session")
def layered() -> Conversion:
    """The network of ``tests.support.layered``."""
    return layered_conversion()


@pytest.fixture(scope="session")
def layered_samples(layered: Conversion) -> list[Sample]:
    """Three of its inputs that differ in kind."""
    ports = Interface.of(layered).inputs
    return make_samples(ports, seed=0)[:3]


@pytest.fixture(scope="session")
def bundled(models: Callable[[str], Path]) -> Reports:
    """Comparisons of the models of ``face_landmarker.task``, as ``parity`` makes them."""
    reports = tflite2torch.compare(models(BUNDLE))
    assert isinstance(reports, dict)
    return reports


@pytest.fixture(scope="session")
def compare(layered: Conversion, layered_samples: list[Sample]) -> Compare:
    """Compare the network, or a module that should do the same, with TFLite."""

    def run(
        module: nn.Module | None = None,
        samples: list[Sample] | None = None,
        batch: int = 1,
        **options: object,
    ) -> ParityReport:
        chosen = layered_samples if samples is None else samples
        return compare_model(
            layered,
            load_module(layered),
            chosen,
            Options((batch,), **options),  # type: ignore[arg-type]
            module,
        )

    return run


@pytest.fixture(scope="session")
def paths(layered: Conversion) -> Paths:
    """The layers of its emitted module by the tensors that they give."""
    return {
        value.origin.index: operation.path
        for operation in layered.evaluation
        for value in operation.values
        if value.origin is not None
    }


@pytest.fixture(scope="session")
def output_row(layered: Conversion) -> str:
    """What reports call its only output."""
    [entry] = layered.outputs
    return f"output {entry['identifier']}"
