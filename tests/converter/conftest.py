"""Official models for the tests of the converter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from tests.support.official import BUNDLE
from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.build import build_graph
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.sources import read_sources


@pytest.fixture(scope="session")
def official(
    models: Callable[[str], Path], request: pytest.FixtureRequest
) -> Callable[[str], ModelFile]:
    """Look up an official model by what ``tests.support.official`` calls it."""

    @cache
    def find(name: str) -> ModelFile:
        folder, _, stem = name.rpartition("/")
        if folder == "wheel":
            wheel_models = request.getfixturevalue("wheel_models")
            return ModelFile(stem, f"{stem}.tflite", wheel_models[f"{stem}.tflite"])
        if folder == "legacy":
            path = models(f"{stem}.tflite")
            return ModelFile(stem, path.name, path.read_bytes())
        return {file.name: file for file in read_sources([models(BUNDLE)])}[name]

    return find


@pytest.fixture(scope="session")
def official_graph(official: Callable[[str], ModelFile]) -> Callable[[str], Graph]:
    """Build the graph of an official model anew, before any pass."""

    def build(name: str) -> Graph:
        return build_graph(read_model(official(name)), name.rpartition("/")[2])

    return build


@pytest.fixture(scope="session")
def converted(official: Callable[[str], ModelFile]) -> Callable[[str], Conversion]:
    """Convert an official model, once for all tests."""

    @cache
    def convert(name: str) -> Conversion:
        return convert_model(official(name))

    return convert


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks take longer to share out than to compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
