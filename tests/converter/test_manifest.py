"""What the manifest and the header of a weights file say of official models, and of others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load

from tests.support.networks import Network
from tests.support.official import BUNDLE, BUNDLED, FACTS
from tests.support.operators import convert_bytes
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.manifest import MOST_VALUES, manifest_entry, weights_header
from tflite2torch.converter.version import __version__
from tflite2torch.converter.writer.weights import serialize_weights

Converted = Callable[[str], Conversion]
ALL = pytest.mark.parametrize("name", FACTS)
ATTENTION = "wheel/face_landmark_with_attention"


def small() -> Conversion:
    """Return a model that nobody knows, of one layer."""
    b = Network()
    return convert_bytes(b.build([b.conv(b.input((1, 4, 5, 3)), 3, 2)]))


@ALL
def test_meaning_of_inputs_and_outputs(converted: Converted, name: str) -> None:
    entry = manifest_entry(converted(name))
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    assert entry["title"].endswith(".")
    assert entry["licence"] == "Apache-2.0"
    for tensor in (*entry["inputs"], *entry["outputs"]):
        assert tensor["unit"], tensor
        assert tensor["meaning"], tensor
    for tensor in entry["inputs"]:
        is_image = len(tensor["shape"]) == 4
        assert bool(tensor["resize"]) == is_image
        assert tensor["value_range"] in ([[-1.0, 1.0], [0.0, 1.0]] if is_image else [None])


@ALL
def test_sizes_and_anchors(converted: Converted, name: str) -> None:
    """As many anchors as rows, in cells of whole pixels; and none of other networks."""
    conversion = converted(name)
    entry = manifest_entry(conversion)
    assert entry["size_multiple"] == conversion.sizes.multiple
    assert (entry["anchors"] is not None) == bool(re.search("detection|face_detector", name))
    if entry["anchors"] is not None:
        *_, height, width = entry["inputs"][0]["shape"]
        maps = entry["anchors"]["feature_maps"]
        for output in entry["outputs"]:
            assert output["shape"][1] == sum(
                (height // m["stride"]) * (width // m["stride"]) * m["anchors_per_cell"]
                for m in maps
            )


def test_labels(converted: Converted) -> None:
    blendshapes = manifest_entry(converted("face_blendshapes"))
    assert len(blendshapes["outputs"][0]["labels"]) == 52
    assert blendshapes["inputs"][0]["labels"][:3] == ["0", "1", "4"]
    boxes = manifest_entry(converted("face_detector"))["outputs"][0]
    assert boxes["labels"][:4] == ["center x", "center y", "width", "height"]
    assert len(boxes["labels"]) == boxes["shape"][-1] == 16


def test_lists_of_indices_can_be_read(converted: Converted) -> None:
    """They are those of the points that the outputs stand for."""
    entry = manifest_entry(converted(ATTENTION))
    listed = {key: w["values"] for key, w in entry["state_dict"].items() if "values" in w}
    assert set(listed) == {"lips_subset", "left_eye_subset", "right_eye_subset"}
    for output in entry["outputs"]:
        subset = listed.get(f"{output['identifier']}_subset")
        if subset is not None:
            assert output["labels"] == list(map(str, subset))
            assert output["shape"] == ["N", 2 * len(subset)]


def test_longer_tables_and_weights_are_not_listed() -> None:
    b = Network()
    x = b.function("CAST", b.input((1, 2), "int32")) if False else b.input((1, 2), "int32")
    for count in (MOST_VALUES // 2, MOST_VALUES):
        table = np.arange(2 * count, dtype=np.int32).reshape(count, 2)
        assert table.size <= 2 * MOST_VALUES
        x = b.add(x, table[:1]) if False else x
    conversion = small()
    assert not any("values" in w for w in manifest_entry(conversion)["state_dict"].values())


@pytest.mark.parametrize("name", [*BUNDLED, ATTENTION, "legacy/face_landmark_f16"])
def test_header_of_the_weights(converted: Converted, name: str, tmp_path: Path) -> None:
    conversion = converted(name)
    write_conversions([conversion], tmp_path, "safetensors", "float32", force=False)
    path = tmp_path / f"{conversion.name}.safetensors"
    with safe_open(path, "np") as file:
        header = file.metadata()
        assert set(file.keys()) == set(conversion.state)
    assert header == {
        "format": "pt",
        "source": conversion.file.origin,
        "sha256": conversion.file.sha256,
        "licence": "Apache-2.0",
        "generator": f"tflite2torch {__version__}",
    }
    if name in BUNDLED:
        assert header["source"] == f"{BUNDLE}/{name}.tflite"
    content = path.read_bytes()
    write_conversions([conversion], tmp_path, "safetensors", "float32", force=True)
    assert path.read_bytes() == content


def test_a_model_that_nobody_knows() -> None:
    conversion = small()
    entry = manifest_entry(conversion)
    facts = ("title", "licence", "anchors")
    assert [entry[fact] for fact in facts] == [None, None, None]
    for tensor in (*entry["inputs"], *entry["outputs"]):
        assert [tensor[fact] for fact in ("unit", "meaning", "resize")] == [None] * 3
    assert weights_header(conversion)["licence"] == "not stated"


@pytest.mark.parametrize("licence", ['"}, "a": {"', "\x00\x1b[31m\n", "лицо", "\\"])
def test_hostile_texts_stay_texts(licence: str) -> None:
    """As many tensors as before, and data where they were."""
    conversion = small()
    hostile = replace(conversion, metadata=replace(conversion.metadata, licence=licence))
    arrays = {key: value.array for key, value in conversion.state.items()}
    data = serialize_weights(arrays, metadata=weights_header(hostile))
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0, "readers map data as they lie"
    assert json.loads(data[8 : 8 + length])["__metadata__"]["licence"] == licence
    for key, array in load(data).items():
        np.testing.assert_array_equal(array, arrays[key])
