"""What the table of official models adds to a file's own metadata, and whether it is true."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.official import FACTS
from tflite2torch.converter.convert import unfused_graph
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.metadata import ModelMetadata, TensorMetadata
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.official.facts import TABLE, with_facts
from tflite2torch.converter.official.interface import (
    COEFFICIENT,
    LOGIT,
    PIXELS,
    PROBABILITY,
    UNITS,
)

KNOWN_UNITS = {*UNITS, f"{PIXELS}, then {LOGIT}s", ""}

PRINTED = re.compile(r"[A-Za-z0-9 .,:;()_/+-]*")
"""What a docstring prints as it is."""

DETECTOR = "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f"
HAND = "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"
IMAGE, BOXES, SCORES = (N, 3, 128, 128), (N, 896, 16), (N, 896, 1)


def documented(file: ModelFile) -> tuple[Graph, ModelMetadata]:
    """Return the unfused graph of an official file, and its metadata with the table's facts."""
    graph = unfused_graph(read_model(file), "model")
    inputs, outputs = ([v.shape for v in values] for values in (graph.inputs, graph.outputs))
    return graph, with_facts(graph.metadata, file.sha256, inputs, outputs)


def last_function(graph: Graph, value: Value) -> str:
    """Return the function that computes a value's elements, if it is elementwise."""
    producers = graph.producers()
    while (node := producers[value]) and not node.parameters:
        if isinstance(node, Elementwise):
            return node.function
        value = node.inputs[0]
    return ""


@pytest.mark.parametrize("name", FACTS)
def test_official_files(official: Callable[[str], ModelFile], name: str) -> None:
    graph, found = documented(official(name))
    assert found.known
    assert found.licence == "Apache-2.0"
    for tensor in (*found.inputs, *found.outputs):
        assert tensor.name, tensor
        assert tensor.unit, tensor
        assert tensor.meaning, tensor
    for value, tensor in zip(graph.inputs, found.inputs, strict=True):
        is_image = value.rank == 4
        assert bool(tensor.resize) == is_image
        assert tensor.value_range in ([(-1.0, 1.0), (0.0, 1.0)] if is_image else [None])
        # Where the file states its range too, both agree.
        own = graph.metadata.inputs
        assert not own or own[0].value_range in (None, tensor.value_range)
    for value, tensor in zip(graph.outputs, found.outputs, strict=True):
        bounded = tensor.unit in (PROBABILITY, COEFFICIENT)
        assert (last_function(graph, value) == "sigmoid") == bounded, tensor


def test_two_ranges_of_one_architecture(official: Callable[[str], ModelFile]) -> None:
    ranges = {
        name: documented(official(name))[1].inputs[0].value_range
        for name in ("legacy/face_landmark", "wheel/face_landmark")
    }
    assert ranges == {
        "legacy/face_landmark": (-1.0, 1.0),
        "wheel/face_landmark": (0.0, 1.0),
    }


def test_names_that_the_file_exchanges(official: Callable[[str], ModelFile]) -> None:
    graph, found = documented(official("wheel/hand_landmark_full"))
    assert [tensor.name for tensor in graph.metadata.outputs][::2] == ["handedness", "landmarks"]
    names = [tensor.name for tensor in found.outputs]
    assert names == ["landmarks", "presence", "handedness", "world_landmarks"]


def test_order_of_blendshapes(official: Callable[[str], ModelFile]) -> None:
    _, found = documented(official("face_blendshapes"))
    assert found.outputs[0].labels[25] == "jawOpen"
    assert found.inputs[0].labels[-10:] == tuple(map(str, range(468, 478)))


def test_every_entry() -> None:
    hashes = [sha256 for entry in TABLE for sha256 in entry.files]
    assert len(hashes) == len(set(hashes))
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in hashes)
    for entry in TABLE:
        assert entry.title.endswith(".")
        assert len(entry.title) <= 75
        for shape, tensor in (*entry.inputs, *entry.outputs):
            assert tensor.unit in KNOWN_UNITS, "list a new unit in official/interface.py"
            assert len(tensor.meaning) <= 160, tensor.meaning
            texts = (tensor.name, tensor.meaning, tensor.resize, *tensor.labels)
            assert all(PRINTED.fullmatch(text) for text in texts), tensor
            # Labels name the entries of an axis, or points of several values each.
            sizes = {*shape, *(shape[-1] // n for n in (2, 3, 5) if shape[-1] % n == 0)}
            assert not tensor.labels or len(tensor.labels) in sizes, tensor
            assert len(set(tensor.labels)) == len(tensor.labels)


def test_interfaces_that_are_distinctive_differ() -> None:
    keys = [
        tuple(shape for shape, _ in (*entry.inputs, *entry.outputs))
        for entry in TABLE
        if entry.distinctive
    ]
    assert len(keys) == len(set(keys)) > 10


def test_model_that_is_recognized_by_its_shapes() -> None:
    """Its images and scores may be others, and it may be anybody's."""
    own = ModelMetadata(inputs=[TensorMetadata("x", "in my words", (0.0, 1.0))], licence="MIT")
    found = with_facts(own, "", [IMAGE], [BOXES, SCORES])
    assert found.known
    assert found.licence == "MIT"
    assert found.inputs[0].value_range == (0.0, 1.0)
    assert found.inputs[0].description == "in my words"
    assert found.outputs[0].unit == PIXELS
    assert found.outputs[0].labels[4:6] == ("eye at the left x", "eye at the left y")
    assert found.outputs[1].unit == ""
    assert found.outputs[1].meaning


def test_outputs_of_equal_shape() -> None:
    """Only their order tells them apart, which another file may change."""
    points, score = (N, 63), (N, 1)
    shapes = ([(N, 3, 224, 224)], [points, score, score, points])
    assert with_facts(ModelMetadata(), HAND, *shapes).outputs[2].name == "handedness"
    own = ModelMetadata(outputs=[TensorMetadata(name) for name in ("a", "b", "c", "d")])
    found = with_facts(own, "", *shapes)
    assert found.title.startswith("Finds 21 points of a hand")
    assert found.outputs == own.outputs


def test_other_interfaces() -> None:
    own = ModelMetadata("theirs")
    mask = (N, 1, 256, 256)
    for inputs, outputs in (
        ([(N, 3, 128, 129)], [BOXES, SCORES]),
        ([IMAGE], [SCORES, BOXES]),
        ([IMAGE], [BOXES]),
        ([IMAGE, IMAGE], [BOXES, SCORES]),
        ([(N, 3, 256, 256)], [mask]),
    ):
        assert with_facts(own, "", inputs, outputs) is own
        assert with_facts(own, DETECTOR, inputs, outputs) is own


def test_a_pixel_is_a_vector() -> None:
    shapes = [(N, 3, 192, 192)], [(N, 1404), (N, 1)]
    flat = with_facts(ModelMetadata(), "", *shapes)
    pixel = with_facts(ModelMetadata(), "", shapes[0], [(N, 1404, 1, 1), (N, 1, 1, 1)])
    assert flat == pixel
    assert flat.known
