"""Parsing of valid files; ``tests/hostile`` has invalid ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.hostile.crafted import CONV, good_model, sparse_model, unpacked
from tests.support.models import ModelBuilder, Tensor, packed_model
from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.sources import read_sources


def read(data: bytes) -> TfliteModel:
    return read_model(ModelFile("small", "small.tflite", data))


def changed(edit: Callable[[Any], None], data: bytes = b"") -> TfliteModel:
    model = unpacked(data or good_model())
    edit(model)
    return read(packed_model(model))


def test_tensors() -> None:
    model = read(good_model())
    image, filters, bias = model.tensors[:3]
    assert (image.index, image.shape, image.dtype) == (0, (1, 8, 8, 3), "float32")
    assert image.data is None
    assert (filters.shape, bias.shape) == ((4, 3, 3, 3), (4,))
    expected = np.random.default_rng(0).standard_normal((4, 3, 3, 3), np.float32)
    np.testing.assert_array_equal(filters.data, expected)
    assert model.tensors[6].dtype == "int32"
    assert (model.inputs, model.outputs) == ((0,), (10,))


def test_constants_are_read_only_views() -> None:
    data = good_model()
    constants = [tensor.data for tensor in read(data).tensors if tensor.data is not None]
    whole = np.frombuffer(data, np.uint8)
    assert len(constants) == 6
    for constant in constants:
        assert np.shares_memory(constant, whole)
        assert not constant.flags.writeable


def test_operators() -> None:
    model = read(good_model())
    names = [operator.name for operator in model.operators]
    assert names == ["CONV_2D", "ADD", "RESHAPE", "FULLY_CONNECTED"]
    conv = model.operators[CONV]
    assert (conv.inputs, conv.outputs) == ((0, 1, 2), (3,))
    assert (conv.options.StrideH(), conv.options.DilationHFactor()) == (2, 1)
    assert (conv.custom, conv.custom_options, conv.version) == (False, b"", 1)


def test_options_with_only_defaults_are_present() -> None:
    """They are an empty table, which is not the same as none."""
    options = read(good_model()).operators[3].options
    assert type(options).__name__ == "FullyConnectedOptions"
    assert not options.KeepNumDims()


def test_operator_codes_of_both_generations() -> None:
    """Old files fill one field, new ones another: reading only one makes ADD of all."""

    def old(model: Any) -> None:
        for code in model.operatorCodes:
            code.builtinCode = 0

    def new(model: Any) -> None:
        for code in model.operatorCodes:
            code.deprecatedBuiltinCode = 0

    names = [operator.name for operator in read(good_model()).operators]
    assert [operator.name for operator in changed(old).operators] == names
    assert [operator.name for operator in changed(new).operators] == names


def test_operator_codes_beyond_127() -> None:
    builder = ModelBuilder()
    image = builder.input((1, 4))
    (answer,) = builder.operator("SIGN", [image], [Tensor((1, 4))])
    assert read(builder.build([answer])).operators[0].name == "SIGN"


def test_custom_operator() -> None:
    builder = ModelBuilder()
    image = builder.input((1, 4))
    outputs = [Tensor((1, 4))]
    (answer,) = builder.operator("Mine", [image], outputs, custom_options=b"\x01\x02")
    (operator,) = read(builder.build([answer])).operators
    assert (operator.name, operator.custom) == ("Mine", True)
    assert (operator.custom_options, operator.options) == (b"\x01\x02", None)


def test_quantization() -> None:
    builder = ModelBuilder()
    image = builder.input((1, 4))
    data = np.int8([[1, 2, 3], [4, 5, 6]])
    weights = Tensor(data=data, scale=(0.5, 0.25), zero_point=(1, -1), axis=0)
    (_,) = builder.operator("DEQUANTIZE", [weights], [Tensor((2, 3))])
    (answer,) = builder.operator("RELU", [image], [Tensor((1, 4))])
    model = read(builder.build([answer]))
    assert model.tensors[0].quantization is None
    stored = model.tensors[1]
    assert stored.dtype == "int8"
    assert stored.quantization is not None
    assert stored.quantization.scale.tolist() == [0.5, 0.25]
    assert stored.quantization.zero_point.tolist() == [1, -1]
    assert stored.quantization.axis == 0


def test_sparse_constant() -> None:
    stored = read(sparse_model()).tensors[1]
    assert stored.shape == (2, 1, 1, 4)
    assert stored.data is not None
    assert stored.data.tolist() == [1, 2, 3]
    assert stored.sparsity is not None
    assert stored.sparsity.traversal_order == (0, 1, 2, 3)
    assert stored.sparsity.block_map == ()
    levels = stored.sparsity.dimensions
    assert [level.size for level in levels] == [2, 1, 1, 0]
    assert levels[3].segments is not None
    assert levels[3].indices is not None
    assert levels[3].segments.tolist() == [0, 1, 3]
    assert levels[3].indices.tolist() == [2, 0, 3]


def test_blocks_of_a_sparse_constant() -> None:
    """Blocks of two along the last axis: levels count blocks, the block comes last."""

    def block(model: Any) -> None:
        stored = model.subgraphs[0].tensors[1]
        stored.sparsity.traversalOrder = [0, 1, 2, 3, 4]
        stored.sparsity.blockMap = [3]
        levels = stored.sparsity.dimMetadata
        levels[3].arraySegments.values = [0, 1, 2]
        levels[3].arrayIndices.values = [1, 0]
        levels.append(schema.DimensionMetadataT(format=0, denseSize=2))
        model.buffers[stored.buffer].data = np.float32([1, 2, 3, 4]).tobytes()

    stored = changed(block, sparse_model()).tensors[1]
    assert stored.sparsity is not None
    assert stored.sparsity.block_map == (3,)
    assert stored.sparsity.dimensions[4].size == 2


def test_types_that_numpy_lacks_stay_raw() -> None:
    def int4(model: Any) -> None:
        tensors, buffers = model.subgraphs[0].tensors, model.buffers
        buffers.append(schema.BufferT(data=b"\x21\x03"))
        tensors.append(
            schema.TensorT(
                shape=[3],
                type=schema.TensorType.INT4,
                buffer=len(buffers) - 1,
                name="q",
            )
        )

    stored = changed(int4).tensors[-1]
    assert stored.dtype == "int4"
    assert stored.data is not None
    assert (stored.data.dtype, stored.data.tolist()) == (np.uint8, [0x21, 0x03])


def test_constant_without_elements() -> None:
    def empty(model: Any) -> None:
        model.subgraphs[0].tensors.append(schema.TensorT(shape=[2, 0], name="nothing"))

    data = changed(empty).tensors[-1].data
    assert data is not None
    assert (data.shape, data.dtype) == ((2, 0), np.float32)


@pytest.mark.parametrize("shift", [0, 1, 3], ids=["aligned", "by one", "by three"])
def test_buffers_behind_the_flatbuffer(shift: int) -> None:
    """Files above two gigabytes keep their weights there; old ones do not align them."""
    model = unpacked(good_model())
    weights = np.arange(108, dtype=np.float32).tobytes()
    index = model.subgraphs[0].tensors[1].buffer
    model.buffers[index] = schema.BufferT(offset=2**20, size=len(weights))
    offset = len(packed_model(model)) + shift
    model.buffers[index].offset = offset
    stored = read(packed_model(model).ljust(offset, b"\0") + weights).tensors[1].data
    assert stored is not None
    np.testing.assert_array_equal(stored, np.arange(108).reshape(4, 3, 3, 3))


def test_errors_name_file_place_cause_and_remedy() -> None:
    def negative(model: Any) -> None:
        model.subgraphs[0].tensors[0].shape = [1, -8, 8, 3]

    with pytest.raises(
        InvalidModelError,
        match=r"^small\.tflite: tensor 0 \('input_0'\): its shape \[1, -8, 8, 3\] is "
        r"negative; the file is damaged, fetch it again$",
    ):
        changed(negative)


def test_names_in_errors_are_escaped_and_short() -> None:
    def rename(model: Any) -> None:
        model.subgraphs[0].tensors[0].name = "\n\x1b[2J\u202e" + "x" * 500
        model.subgraphs[0].tensors[0].shape = [-1]

    with pytest.raises(InvalidModelError) as caught:
        changed(rename)
    assert r"tensor 0 ('\n\x1b[2J\u202exx" in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_description_and_metadata() -> None:
    def describe(model: Any) -> None:
        model.description = "words"
        model.buffers.append(schema.BufferT(data=b"1.5.0"))
        index = len(model.buffers) - 1
        model.metadata = [schema.MetadataT(name="min_runtime_version", buffer=index)]

    model = changed(describe)
    assert model.description == "words"
    assert model.metadata == {"min_runtime_version": b"1.5.0"}


OFFICIAL = {
    "face_detector": (250, 164, (0,), (175, 174)),
    "face_landmarks_detector": (727, 471, (0,), (473, 472, 475)),
    "face_blendshapes": (245, 182, (0,), (195,)),
}


def test_official_bundle(models: Callable[[str], Path]) -> None:
    for file in read_sources([models("face_landmarker.task")]):
        model = read_model(file)
        assert (
            len(model.tensors),
            len(model.operators),
            model.inputs,
            model.outputs,
        ) == OFFICIAL[file.name]


@pytest.mark.parametrize(
    "name",
    [
        "face_detection_back",
        "face_detection_front",
        "face_detection_full_range",
        "face_landmark",
        "face_landmark_f16",
        "iris_landmark",
    ],
)
def test_official_legacy_models(name: str, models: Callable[[str], Path]) -> None:
    (file,) = read_sources([models(f"{name}.tflite")])
    assert read_model(file).operators


def test_official_wheel(wheel: Path) -> None:
    """All 14 are sound: among them sparse constants and custom operators."""
    read = [read_model(file) for file in read_sources([wheel])]
    assert len(read) == 14
    assert sum(bool(t.sparsity) for model in read for t in model.tensors) == 84
    assert sum(op.custom for model in read for op in model.operators) == 13
