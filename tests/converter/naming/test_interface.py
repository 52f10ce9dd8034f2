"""What inputs and outputs are called."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor
from tests.support.nodes import conv, graph, image, result
from tests.support.operators import convert_bytes, weights
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.metadata import ModelMetadata, TensorMetadata
from tflite2torch.converter.naming.interface import rename_outputs


def identifiers(conversion: Conversion) -> tuple[list[str], list[str]]:
    return (
        [entry["identifier"] for entry in conversion.inputs],
        [entry["identifier"] for entry in conversion.outputs],
    )


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("face_detector", ["image"], ["regressors", "classificators"]),
        ("face_blendshapes", ["input_points"], ["blendweights"]),
    ],
)
def test_official_models(
    converted: Callable[[str], Conversion],
    name: str,
    inputs: list[str],
    outputs: list[str],
) -> None:
    assert identifiers(converted(name)) == (inputs, outputs)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("face_landmarks_detector", ["face_landmarks", "presence", "tongue_out"]),
        ("legacy/face_landmark", ["mesh", "presence"]),
        (
            "wheel/pose_landmark_full",
            ["landmarks", "poseflag", "segmentation", "heatmap", "world_3d"],
        ),
        ("wheel/hand_landmark_full", ["landmarks", "handflag", "handedness", "world_landmarks"]),
    ],
)
def test_unclear_names_are_those_of_the_table(
    converted: Callable[[str], Conversion], name: str, outputs: list[str]
) -> None:
    """Layers are called after them; clear names of the file stay."""
    conversion = converted(name)
    assert identifiers(conversion)[1] == outputs
    for key in conversion.state:
        part, *_ = key.split(".")
        assert not re.match(r"(output|head)\d*$|ld_", part), key
    assert outputs[0] in {key.partition(".")[0] for key in conversion.state}


def named(
    outputs: list[str], table: list[str], *, known: bool = True
) -> tuple[list[str], dict[str, str]]:
    """Return what outputs are called after the table is asked, and which names are new."""
    x = image()
    layers = [conv(x, 4) for _ in outputs]
    network = graph([x], layers, *map(result, layers))
    network.output_names = list(outputs)
    facts = [TensorMetadata(name) for name in table]
    network.metadata = ModelMetadata(outputs=facts, known=known)
    renamed = rename_outputs(network)
    return network.output_names, renamed


def test_which_names_are_unclear() -> None:
    outputs = ["output1", "ld_3d", "left_eye", "x2", "output"]
    found, renamed = named(outputs, ["mesh", "landmarks", "eye", "iris", "Presence; of"])
    assert found == ["mesh", "landmarks", "left_eye", "iris", "presence_of"]
    changed = {old: new for old, new in zip(outputs, found, strict=True) if old != new}
    assert renamed == changed


def test_new_names_do_not_clash() -> None:
    found, _ = named(["output1", "mesh", "output3"], ["mesh", "face", "count"])
    assert found[1] == "mesh"
    assert len(set(found)) == 3
    assert "count" not in found, "a method of every tuple"


def test_only_the_table_s_names_are_taken() -> None:
    """Those of a file's own metadata are wrong in some."""
    assert named(["output1"], ["mesh"], known=False) == (["output1"], {})
    assert named(["output1", "output2"], ["mesh", ""])[0] == ["mesh", "output2"]


def sum_and_difference(a: str, b: str, first: str, second: str) -> bytes:
    builder = ModelBuilder()
    x, y = builder.input((1, 4), name=a), builder.input((1, 4), name=b)
    results = [
        builder.operator(kind, [x, y], [Tensor((1, 4), name=name)], options)[0]
        for kind, name, options in [
            ("ADD", first, schema.AddOptionsT()),
            ("SUB", second, schema.SubOptionsT()),
        ]
    ]
    return builder.build(results)


def test_names_that_say_something_are_taken() -> None:
    model = sum_and_difference("left_eye", "path/right_eye", "total:0", "contrast")
    conversion = convert_bytes(model)
    assert identifiers(conversion) == (
        ["left_eye", "right_eye"],
        ["total", "contrast"],
    )
    assert "def forward(self, left_eye: Tensor, right_eye: Tensor)" in conversion.source
    assert "return ModelOutput(total, contrast)" in conversion.source


def test_equal_names_are_numbered_across_inputs_and_outputs() -> None:
    conversion = convert_bytes(sum_and_difference("eyes", "eyes", "eyes", "eyes"))
    assert identifiers(conversion) == (["eyes1", "eyes2"], ["eyes3", "eyes4"])


def test_names_that_say_nothing_are_not() -> None:
    model = sum_and_difference("serving_default_x:0", "", "Identity", "Identity_1")
    assert identifiers(convert_bytes(model)) == (
        ["input1", "input2"],
        ["output1", "output2"],
    )


def test_an_output_without_a_name_is_called_after_its_layer() -> None:
    builder = ModelBuilder()
    result = Tensor((1, 3), name="model/presence/BiasAdd")
    [presence] = builder.operator(
        "FULLY_CONNECTED",
        [Tensor((1, 4)), weights(3, 4), None],
        [result],
        schema.FullyConnectedOptionsT(),
    )
    [output] = builder.operator("LOGISTIC", [presence], [Tensor((1, 3), name="Identity")])
    assert identifiers(convert_bytes(builder.build([output])))[1] == ["presence"]


def test_the_file_s_own_names_are_kept_beside() -> None:
    conversion = convert_bytes(sum_and_difference("a/b;c", "д", "", "x" * 300))
    assert [entry["name"] for entry in conversion.inputs] == ["a/b;c", "д"]
    assert [entry["name"] for entry in conversion.outputs] == ["", "x" * 300]
