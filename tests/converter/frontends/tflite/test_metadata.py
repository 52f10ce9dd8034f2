"""Reading of TFLite metadata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from tests.hostile.crafted import good_model
from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.metadata import (
    read_metadata,
)
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.graph.metadata import ModelMetadata, TensorMetadata
from tflite2torch.converter.sources import read_sources

MODEL = read_model(ModelFile("small", "small.tflite", good_model()))

NORMALIZATION, SCORES = 1, 2
"""Members of the union ProcessUnitOptions."""


@dataclass
class Facts:
    """What the metadata of the small model's input say."""

    mean: Sequence[float] = ()
    std: Sequence[float] = ()
    least: Sequence[float] = ()
    largest: Sequence[float] = ()
    unit: int = NORMALIZATION
    inputs: int = 1
    identifier: bytes = b"M001"
    words: str = "é"


class Writer:
    """Writes metadata, whose schema has no bindings here."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder()

    def table(self, slots: int, **offsets: int) -> int:
        self.builder.StartObject(slots)
        for slot, offset in offsets.items():
            self.builder.PrependUOffsetTRelativeSlot(int(slot[1:]), offset, 0)
        table: int = self.builder.EndObject()
        return table

    def vector(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        vector: int = self.builder.EndVector()
        return vector

    def numbers(self, values: Sequence[float]) -> int:
        vector: int = self.builder.CreateNumpyVector(np.float32(values))
        return vector

    def unit(self, facts: Facts) -> int:
        options = self.table(2, _0=self.numbers(facts.mean), _1=self.numbers(facts.std))
        self.builder.StartObject(2)
        self.builder.PrependUint8Slot(0, facts.unit, 0)
        self.builder.PrependUOffsetTRelativeSlot(1, options, 0)
        unit: int = self.builder.EndObject()
        return unit

    def tensor(self, name: str, facts: Facts) -> int:
        text, words = map(self.builder.CreateString, (name, facts.words))
        units = self.vector([self.unit(facts)] if facts.mean or facts.std else [])
        stats = self.table(2, _0=self.numbers(facts.largest), _1=self.numbers(facts.least))
        return self.table(7, _0=text, _1=words, _4=units, _5=stats)


def metadata(facts: Facts) -> bytes:
    writer = Writer()
    inputs = writer.vector([writer.tensor("image", facts)] * facts.inputs)
    outputs = writer.vector([writer.tensor("scores", Facts(words=facts.words))])
    subgraph = writer.table(7, _2=inputs, _3=outputs)
    name, words = writer.builder.CreateString("Small"), writer.builder.CreateString(facts.words)
    root = writer.table(8, _0=name, _1=words, _3=writer.vector([subgraph]), _5=words)
    writer.builder.Finish(root, facts.identifier)
    return bytes(writer.builder.Output())


def read(data: bytes) -> ModelMetadata | None:
    return read_metadata(replace(MODEL, metadata={"TFLITE_METADATA": data}))


def value_range(facts: Facts) -> tuple[float, float] | None:
    found = read(metadata(facts))
    assert found is not None
    return found.inputs[0].value_range


def test_model_without_metadata() -> None:
    assert read_metadata(MODEL) is None


def test_all_that_is_read() -> None:
    assert read(metadata(Facts([127.5], [127.5]))) == ModelMetadata(
        "Small",
        "é",
        [TensorMetadata("image", "é", (-1.0, 1.0))],
        [TensorMetadata("scores", "é", None)],
        licence="é",
    )


def test_texts_are_bounded_and_printable() -> None:
    found = read(metadata(Facts(words="\x1b[2J\n" + "long " * 100_000)))
    assert found is not None
    texts = found.description, found.licence, found.inputs[0].description
    for text in (*texts, found.outputs[0].description):
        assert len(text) < 1000
        assert text.startswith(r"\x1b[2J\nlong long")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(), None),
        (Facts([0], [255]), (0.0, 1.0)),
        (Facts([0], [1]), (0.0, 255.0)),
        (Facts([0, 51, 102], [255]), (-0.4, 1.0)),
        (Facts([0, 51, 102], [255, 51, 255]), (-1.0, 4.0)),
        (Facts(least=[-1], largest=[1]), (-1.0, 1.0)),
        (Facts(least=[-1, -3], largest=[1, 2]), (-3.0, 2.0)),
        (Facts(least=[-1]), None),
        (Facts([0], [255], least=[7], largest=[8]), (0.0, 1.0)),
        (Facts([0], [255], least=[7], largest=[8], unit=SCORES), (7.0, 8.0)),
    ],
)
def test_value_range(facts: Facts, expected: tuple[float, float] | None) -> None:
    """Normalization takes precedence over statistics; the range covers all channels."""
    found = value_range(facts)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (Facts([0], [0]), "process_units: a standard deviation is not positive"),
        (Facts([0], [-1]), "process_units: a standard deviation is not positive"),
        (Facts([0], [np.nan]), "process_units: a standard deviation is not positive"),
        (Facts([np.nan], [1]), "process_units: a range of values from nan to nan"),
        (Facts([np.inf], [1]), "process_units: a range of values from -inf to -inf"),
        (Facts([0, 0], [1, 1, 1]), "process_units: 2 means and 3 deviations"),
        (Facts(least=[1], largest=[-1]), "stats: a range of values from 1.0 to -1.0"),
        (Facts(inputs=2), "input_tensor_metadata: 2 entries for 1 tensors"),
        (Facts(identifier=b"M002"), "the identifier M001 is missing"),
    ],
)
def test_contradictions(facts: Facts, message: str) -> None:
    with pytest.raises(
        InvalidModelError,
        match=f"^small.tflite: metadata TFLITE_METADATA: {message}; the file is damaged",
    ):
        read(metadata(facts))


def test_every_truncation_is_refused() -> None:
    data = metadata(Facts([127.5], [127.5])).rstrip(b"\0")
    for size in range(len(data)):
        with pytest.raises(InvalidModelError):
            read(data[:size])


RANGES = {
    "face_detector": (-1.0, 1.0),
    "face_landmarks_detector": (0.0, 1.0),
    "face_blendshapes": None,
}


def test_official_bundle(models: Callable[[str], Path]) -> None:
    for file in read_sources([models("face_landmarker.task")]):
        found = read_metadata(read_model(file))
        expected = RANGES[file.name]
        assert (found and found.inputs[0].value_range) == expected
        if file.name == "face_landmarks_detector":
            assert found is not None
            assert found.name == "Face mesh detection model v2"
            names = [output.name for output in found.outputs]
            assert names == ["face_landmarks", "presence", "tongue_out"]


def test_official_wheel(wheel: Path) -> None:
    """Ten of the 14 have metadata; whether they are right is another question."""
    found = [read_metadata(read_model(file)) for file in read_sources([wheel])]
    assert sum(item is not None for item in found) == 10
    assert {item.inputs[0].value_range for item in found if item} == {
        (-1.0, 1.0),
        (0.0, 1.0),
    }
