"""A reproduction is a layer by itself that shows the same difference."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.layered import MIXED
from tests.support.operators import convert_bytes
from tests.support.reference import run_reference
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample, make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import LayerReport, ParityReport
from tflite2torch.parity.layers.reproduction import _script, _smallest, cut_out, reproduction
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.mediapipe import MediaPipeReference
from tflite2torch.parity.reference.wire import Array

Compare = Callable[..., ParityReport]


def show(files: dict[str, bytes | str], folder: Path) -> float:
    """Write the files, run the script, and return the difference that it shows."""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    shown = subprocess.run(
        [sys.executable, "show.py"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    said, _, largest = shown.stdout.strip().rpartition(" ")
    assert said.endswith(" largest difference")
    return float(largest)


def both(files: dict[str, bytes | str]) -> tuple[Array, Array]:
    """Return what PyTorch and TFLite give."""
    with np.load(io.BytesIO(bytes(files["outputs.npz"]))) as outputs:  # type: ignore[arg-type]
        return outputs["pytorch"], outputs["tflite"]


def test_the_source_alone_shows_the_difference(
    compare: Compare,
    layered: Conversion,
    layered_samples: list[Sample],
    paths: dict[int, str],
    tmp_path: Path,
) -> None:
    module = load_module(layered)
    with torch.no_grad():
        module.get_parameter(f"{paths[MIXED]}.bias")[1] += 0.5
    report = compare(module)
    files = reproduction(layered, load_module(layered), layered_samples, report, module)
    assert len(files["layer.tflite"]) < len(layered.file.data)
    found, expected = both(files)
    assert found.shape == (1, 8, 6, 8)
    assert np.abs(found - expected).max(axis=(0, 1, 2)) == pytest.approx(
        [0, 0.5, 0, 0, 0, 0, 0, 0], abs=1e-5
    )
    assert show(files, tmp_path) == pytest.approx(0.5, abs=1e-5)
    title, *script = str(files["show.py"]).splitlines()
    assert f"{paths[MIXED]} of layered on " in title
    assert len([line for line in script if line]) == 10


def test_a_fault_that_shows_in_a_batch_alone_is_shown(
    compare: Compare,
    layered: Conversion,
    layered_samples: list[Sample],
    paths: dict[int, str],
    tmp_path: Path,
) -> None:
    module = load_module(layered)

    def spoil(_: nn.Module, __: object, output: torch.Tensor) -> torch.Tensor:
        if len(output) == 3:
            output[1, 2, 3, 4] += 0.25
        return output

    module.get_submodule(paths[MIXED]).register_forward_hook(spoil)
    report = compare(module, batch=3)
    files = reproduction(layered, load_module(layered), layered_samples, report, module)
    assert "sample 1 of a batch of 3" in str(files["show.py"])
    found, expected = both(files)
    assert np.argwhere(np.abs(found - expected) > 0.1).tolist() == [[0, 3, 4, 2]]
    assert show(files, tmp_path) == pytest.approx(0.25, abs=1e-4)


def test_where_nothing_fails_the_worst_layer_is_shown(
    compare: Compare,
    layered: Conversion,
    layered_samples: list[Sample],
    tmp_path: Path,
) -> None:
    report = compare()
    files = reproduction(layered, load_module(layered), layered_samples, report)
    found = [layer for layer in report.layers if layer.forced is not None]
    worst = max(found, key=lambda layer: layer.forced.severity)
    assert worst.forced.error > 0
    told = f"{worst.name} of layered on {worst.forced.sample}: passes"
    assert told in str(files["show.py"])
    assert show(files, tmp_path) == pytest.approx(worst.forced.error, rel=1e-6)


def test_an_error_that_adds_up_is_shown_by_as_few_layers_as_it_takes(
    compare: Compare, layered: Conversion, layered_samples: list[Sample], tmp_path: Path
) -> None:
    rows = [x for x in compare().layers if x.forced and x.forced.error]
    row = max(rows, key=lambda x: x.worst.error - x.forced.error)
    assert row.worst.error > 1.5 * row.forced.error > 0
    limit = (row.worst.error + row.forced.error) / 2
    report = compare(tolerances={row.name: limit})
    assert report.sources == (row.name,)
    files = reproduction(layered, load_module(layered), layered_samples, report)
    assert " layers before it" in str(files["show.py"])
    shown = show(files, tmp_path)
    assert limit < shown <= row.worst.error
    assert len(files["layer.tflite"]) < len(layered.file.data)


def test_the_smallest_part_that_fails_is_found() -> None:
    layers = cast("list[LayerReport]", list("abcdefgh"))
    for least in range(1, 9):
        assert len(_smallest(layers, lambda part, n=least: len(part) >= n)) == least


def test_a_source_that_gave_nothing_has_none(
    compare: Compare,
    layered: Conversion,
    layered_samples: list[Sample],
    paths: dict[int, str],
) -> None:
    module = load_module(layered)
    broken = module.get_submodule(paths[MIXED])
    broken.register_forward_hook(lambda _, __, x: x.reshape(7))
    report = compare(module)
    assert report.sources == (paths[MIXED],)
    emitted = load_module(layered)
    assert reproduction(layered, emitted, layered_samples, report, module) == {}


def test_another_runtime_is_imported(
    compare: Compare, layered: Conversion, layered_samples: list[Sample]
) -> None:
    report = replace(compare(), reference="tensorflow")
    assert "from tensorflow.lite.python.interpreter import" in _script("", report)
    report = replace(report, reference="mediapipe", runtime="MediaPipe 0.10.21")
    script = _script("", report)
    assert "what MediaPipe 0.10.21 gave" in script
    assert "Interpreter" not in script


def test_mediapipes_own_operator(wheel_models: dict[str, bytes], tmp_path: Path) -> None:
    if reason := MediaPipeReference.unavailable():
        pytest.skip(reason)
    data = wheel_models["selfie_segmentation.tflite"]
    conversion = convert_bytes(data, "selfie_segmentation")
    module = load_module(conversion)
    [last] = [m for m in module.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert last.bias is not None
    with torch.no_grad():
        last.bias += 0.5
    ports = Interface.of(conversion).inputs
    samples = make_samples(ports, 0)[:1]
    emitted = load_module(conversion)
    report = compare_model(conversion, emitted, samples, Options(), module)
    assert [x.identity.kind for x in report.layers if x.name in report.sources] == [
        "ConvTranspose2d"
    ]
    files = reproduction(conversion, emitted, samples, report, module)
    assert show(files, tmp_path) == pytest.approx(0.5, abs=1e-4)


def test_a_layer_of_two_inputs_is_cut_out(layered: Conversion) -> None:
    cut, inputs = cut_out(layered.file.data, [3, 8], 9)
    assert inputs == [3, 8]
    one, other = np.full((1, 8, 6, 8), 2.0), np.full((1, 8, 6, 8), 3.0)
    [total] = run_reference(cut, [one, other])
    assert (total == 5).all()


def test_what_is_not_given_is_computed_from_the_models_input(
    layered: Conversion,
) -> None:
    cut, inputs = cut_out(layered.file.data, [], 3)
    assert inputs == [0]
    image = np.random.default_rng(0).random((1, 16, 12, 3))
    [stem] = run_reference(cut, [image])
    assert stem.shape == (1, 8, 6, 8)
    assert stem.min() == 0 < stem.max()
