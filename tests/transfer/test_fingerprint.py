"""Fingerprints know an architecture and weights, whatever the file calls or stores them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tflite2torch.converter.convert import convert_all
from tflite2torch.converter.sources import read_sources
from tflite2torch.transfer.fingerprint import Fingerprints, fingerprints


def sums(
    *, factor: float = 2.0, shift: float = 0.0, half: bool = False, swapped: bool = False
) -> Fingerprints:
    """The fingerprints of two branches that are added: a product, and a sum with four weights."""
    b = Network()
    x = b.input((1, 8, 4))
    data = weights(4).astype(np.float16) + np.float16(shift)
    addend = b.function("DEQUANTIZE", data) if half else data.astype(np.float32)
    if swapped:
        total = b.add(x, addend)
        product = b.mul(x, np.float32(factor))
    else:
        product = b.mul(x, np.float32(factor))
        total = b.add(x, addend)
    return fingerprints(convert_bytes(b.build([b.sub(product, total)])))


def test_storage_and_order_do_not_matter() -> None:
    assert sums() == sums(half=True) == sums(swapped=True)


def test_numbers_are_structure_and_arrays_are_weights() -> None:
    first = sums()
    other = sums(shift=1)
    assert other == replace(first, weights=other.weights) != first
    other = sums(factor=3)
    assert other == replace(first, architecture=other.architecture) != first


def test_official_models(models: Callable[[str], Path], wheel: Path) -> None:
    sources = [wheel, models("face_landmarker.task"), models("face_detection_front.tflite")]
    found = {c.name: fingerprints(c) for c in convert_all(read_sources(sources))}
    old, new = found["face_detection_front"], found["face_detector"]
    assert old.architecture == new.architecture  # their keys and shapes agree, their values do not
    assert old.weights != new.weights
    assert found["face_detection_short_range"] == new
    assert len({f.architecture for f in found.values()}) == len(found) - 2
