"""Each step from one release to the next is told for what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.networks import Network
from tests.support.operators import weights
from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.reference.editing import packed_model
from tflite2torch.transfer.lock import Facts, facts_of, lock_text, read_lock
from tflite2torch.transfer.release import Change, as_markdown, find_changes


def model(
    *, half: bool = False, more: bool = False, shift: float = 0, broken: bool = False
) -> bytes:
    """A dense layer with an activation, and perhaps another one."""
    b = Network()
    x, options = b.input((1, 8)), schema.FullyConnectedOptionsT()
    for _ in range(1 + more):
        kernel = weights(8, 8).astype(np.float16) + np.float16(shift)
        operand = b.function("DEQUANTIZE", kernel) if half else kernel.astype(np.float32)
        [x] = b.operator("FULLY_CONNECTED", [x, operand, weights(8)], options=options)
        x = b.function("TANH", x)
    if broken:
        [x] = b.operator("CUMSUM", [x, np.int32(1)], options=schema.CumsumOptionsT())
    return b.build([x])


def described(data: bytes, text: str) -> bytes:
    """Return a copy of a model that says something else of itself."""
    copy = schema.ModelT.InitFromPackedBuf(data)
    copy.description = text
    return packed_model(copy)


def facts(data: bytes, name: str = "model") -> Facts:
    return facts_of(ModelFile(name, f"{name}.tflite", data), None)[0]


def one(old: bytes, new: bytes) -> Change:
    [change] = find_changes({"model": facts(old)}, {"model": facts(new)})
    return change


def test_the_same_file() -> None:
    assert one(model(), model()) == Change("model", ("unchanged",))


def test_other_weights_are_told_layer_by_layer() -> None:
    change = one(model(), model(shift=0.125))
    assert change.kinds == ("weights changed",)
    assert change.details[0] == "1 of 2 constants differ"
    assert ".weight: about " in change.details[1]
    assert not change.diff


def test_another_architecture_has_a_diff_of_the_source() -> None:
    change = one(model(), model(more=True))
    # The output is called after its tensor, which has another number.
    assert change.kinds == ("architecture changed", "metadata changed")
    assert "FULLY_CONNECTED: 1 → 2 operators" in change.details
    assert sum(line.startswith("+") for line in change.diff) > 1


def test_metadata_alone() -> None:
    change = one(model(), described(model(), "another text"))
    assert change.kinds == ("metadata changed",)
    assert "'another text'" in change.details[0]


def test_another_type_of_storage() -> None:
    change = one(model(half=True), model())
    assert change.kinds == ("storage changed", "metadata changed")
    told = "constants are stored as float32 (2), were float16 (1), float32 (1)"
    assert change.details[0] == told


def test_other_bytes_of_the_same_model() -> None:
    copy = schema.ModelT.InitFromPackedBuf(model())
    copy.buffers.append(schema.BufferT())
    assert one(model(), packed_model(copy)).kinds == ("repacked",)


def test_renamed_new_and_gone() -> None:
    old = {"a": facts(model()), "b": facts(model(more=True))}
    renamed = described(model(), "a later release")
    new = {"c": facts(renamed), "d": facts(model(shift=1))}
    found = {x.name: x for x in find_changes(old, new)}
    assert found["c"].kinds == ("renamed", "metadata changed")
    assert found["c"].details[0] == "it was a"
    assert found["d"].kinds == ("new",)
    assert found["b"].kinds == ("gone",)


def test_what_is_not_supported_lists_every_operator() -> None:
    change = one(model(), model(broken=True))
    assert change.kinds == ("not supported",)
    assert "CUMSUM" in change.details[0]
    assert change.failed
    assert one(model(broken=True), model()).kinds == ("new",)


def test_a_model_that_fails_parity() -> None:
    new = facts(model()) | {"parity": {"passed": False, "verdict": "failed: x", "outputs": {}}}
    [change] = find_changes({"model": facts(model())}, {"model": new})
    assert (change.kinds, change.details) == (("fails parity",), ("failed: x",))


def test_official_releases(models: Callable[[str], Path], wheel: Path) -> None:
    """Files of one architecture, of four releases and two packages."""
    sources = [models("face_landmarker.task"), models("face_detection_front.tflite")]
    sources += [models("face_landmark_f16.tflite"), wheel]
    files = {file.name: file for file in read_sources(sources)}
    found = {name: facts(file.data, name) for name, file in files.items()}

    def step(old: str, new: str) -> Change:
        [change] = find_changes({"x": found[old]}, {"x": found[new]})
        return change

    front = step("face_detection_front", "face_detector")
    assert set(front.kinds) >= {"weights changed", "storage changed", "metadata changed"}
    assert front.details[0] == "58 of 74 constants differ"
    short = step("face_detector", "face_detection_short_range")
    assert not {"weights changed", "architecture changed"} & set(short.kinds)
    assert "weights changed" not in step("face_landmark_f16", "face_landmark").kinds
    assert "architecture changed" in step("hand_landmark_lite", "hand_landmark_full").kinds
    assert "architecture changed" in step("palm_detection_lite", "palm_detection_full").kinds


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    found = {"model": facts(model()), "other": facts(model(broken=True))}
    path.write_text(lock_text(found))
    assert read_lock(path) == json.loads(json.dumps(found))
    assert find_changes(read_lock(path), found)[0].good
    assert max(map(len, path.read_text().splitlines())) < 1000
    document = json.loads(path.read_text())
    for wrong, told in (
        ({**document, "schema": 2}, "its schema is 2, not 1: another version"),
        ({**document, "models": {"a": {"sha256": ""}}}, "'a' lacks facts"),
        ([], "it is no lock file"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(SourceError, match=told):
            read_lock(path)


def test_markdown_takes_no_orders_from_a_file() -> None:
    change = replace(one(model(), described(model(), "<b>|x|</b> `y`")), diff=())
    text = as_markdown([change])
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "## MediaPipe models: 1 metadata changed" in text
