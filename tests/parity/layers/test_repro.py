"""A reproduction is a layer by itself that shows the same difference."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from converter.convert import Conversion
from parity.inputs import Sample
from parity.layers.report import ParityReport
from parity.layers.repro import cut_out, reproduction
from tests.support.reference import run_reference
from tflite2torch.loading import load_module

Compare = Callable[..., ParityReport]


def test_the_source_alone_shows_the_difference(
    compare: Compare,
    layered: Conversion,
    layered_samples: list[Sample],
    tmp_path: Path,
) -> None:
    module = load_module(layered)
    with torch.no_grad():
        module.get_parameter("conv_2_d_6.bias")[1] += 0.5
    report = compare(module)
    files = reproduction(layered, load_module(layered), layered_samples, report, module)
    assert len(files["layer.tflite"]) < len(layered.file.data)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
    with np.load(io.BytesIO(bytes(files["outputs.npz"]))) as outputs:  # type: ignore[arg-type]
        difference = outputs["pytorch"] - outputs["tflite"]
    assert difference.shape == (1, 8, 6, 8)
    assert np.abs(difference).max(axis=(0, 1, 2)) == pytest.approx(
        [0, 0.5, 0, 0, 0, 0, 0, 0], abs=1e-5
    )
    shown = subprocess.run(
        [sys.executable, "show.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    largest = shown.stdout.rpartition(" ")[2]
    assert float(largest) == pytest.approx(0.5, abs=1e-5)
    title, *script = str(files["show.py"]).splitlines()
    assert "conv_2_d_6 of layered on " in title
    assert len([line for line in script if line]) == 10


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
