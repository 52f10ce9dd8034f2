"""The pass that replaces the batch of one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Ref, Tensor, one_operator_model
from tests.support.operators import (
    assert_same,
    convert_bytes,
    graph_after,
    graph_of,
    weights,
)
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.frontends.tflite.lowering.batch import follow_batch
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.value import N, Provenance, Value


def test_the_batch_of_a_reshape_follows() -> None:
    """The docstring's example: [1, 512, 1] would be [1, 1024, 1] at a batch of two."""
    operands = [Tensor((1, 16, 16, 2)), np.int32([1, 512, 1])]
    graph = graph_after(graph_of(one_operator_model("RESHAPE", operands)), follow_batch)
    (node,) = graph.nodes
    assert isinstance(node, Reshape)
    assert node.shape == (N, 512, 1)
    assert node.shape[0] is N
    assert graph.inputs[0].shape[0] is N
    assert graph.outputs[0].shape[0] is N


def test_an_input_without_a_batch_axis_has_none() -> None:
    model = one_operator_model("ABS", [Tensor((2, 3))])
    assert not graph_after(graph_of(model), follow_batch).inputs[0].batched
    assert convert_bytes(model).inputs[0]["shape"] == [2, 3]


def test_a_constant_that_meets_a_dropped_batch_axis_is_repeated() -> None:
    builder = ModelBuilder()
    [dropped] = builder.operator("RESHAPE", [Tensor((1, 4, 6)), np.int32([24])])
    results = builder.operator(
        "CONCATENATION",
        [weights(5), dropped],
        options=schema.ConcatenationOptionsT(axis=0),
    )
    assert assert_same(builder.build(results)).outputs[0]["shape"] == ["N", 29]


@pytest.mark.parametrize("shape", [(24,), (1, 24), (4, 24), (1, 1, 24), (3, 4, 24)])
def test_a_constant_added_to_a_dropped_batch_axis_is_right_or_refused(
    shape: tuple[int, ...],
) -> None:
    builder = ModelBuilder()
    [dropped] = builder.operator("RESHAPE", [Tensor((1, 4, 6)), np.int32([24])])
    results = builder.operator("ADD", [dropped, weights(*shape)], options=schema.AddOptionsT())
    model = builder.build(results)
    if shape[0] in (1, 24):
        assert_same(model, 1)
    else:
        with pytest.raises(UnsupportedOpError, match=r"operator 1 \(Elementwise\)"):
            convert_bytes(model)


def test_samples_with_and_without_their_batch_axis_meet() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4, 6))
    [dropped] = builder.operator("RESHAPE", [x, np.int32([4, 6])])
    [row] = builder.operator(
        "MEAN", [x, np.int32([1])], options=schema.ReducerOptionsT(keepDims=False)
    )
    results = builder.operator("SUB", [dropped, row], options=schema.SubOptionsT())
    assert_same(builder.build(results), 5)


@pytest.mark.parametrize("axes", [(1, 0), (1, 2, 0), (1, 2, 0, 3)], ids=str)
def test_outputs_have_the_batch_axis_first(axes: tuple[int, ...]) -> None:
    shape = (1, 4, 5, 3)[: len(axes)]
    model = one_operator_model("TRANSPOSE", [Tensor(shape), np.int32(axes)])
    assert assert_same(model).outputs[0]["shape"][0] == "N"


def test_a_batch_that_moves_away_and_back() -> None:
    builder = ModelBuilder()
    [turned] = builder.operator("TRANSPOSE", [Tensor((1, 4, 5)), np.int32([1, 0, 2])])
    [doubled] = builder.operator("MUL", [turned, np.float32(2)], options=schema.MulOptionsT())
    results = builder.operator("TRANSPOSE", [doubled, np.int32([1, 0, 2])])
    assert_same(builder.build(results))


Mixer = Callable[[ModelBuilder, Ref], list[Ref]]


def concatenate(b: ModelBuilder, x: Ref) -> list[Ref]:
    options = schema.ConcatenationOptionsT(axis=0)
    return b.operator("CONCATENATION", [x, x], options=options)


def pad(b: ModelBuilder, x: Ref) -> list[Ref]:
    return b.operator("PAD", [x, np.int32([[0, 1], [0, 0], [0, 0]])])


def tile(b: ModelBuilder, x: Ref) -> list[Ref]:
    return b.operator("TILE", [x, np.int32([2, 1, 1])])


def gather(b: ModelBuilder, x: Ref) -> list[Ref]:
    options = schema.GatherOptionsT(axis=0)
    return b.operator("GATHER", [x, np.int32([0, 0])], options=options)


def stack(b: ModelBuilder, x: Ref) -> list[Ref]:
    options = schema.PackOptionsT(axis=0, valuesCount=2)
    return b.operator("PACK", [x, x], options=options)


def largest(b: ModelBuilder, x: Ref) -> list[Ref]:
    options = schema.ArgMaxOptionsT(outputType=schema.TensorType.INT32)
    return b.operator("ARG_MAX", [x, np.int32(0)], ["int32"], options)


def broadcast(b: ModelBuilder, x: Ref) -> list[Ref]:
    return b.operator("ADD", [x, weights(7, 4, 6)], options=schema.AddOptionsT())


def stretch(b: ModelBuilder, x: Ref) -> list[Ref]:
    to = np.int32([7, 4, 6])
    return b.operator("BROADCAST_TO", [x, to], [Tensor((7, 4, 6))], version=2)


def flatten_moved(b: ModelBuilder, x: Ref) -> list[Ref]:
    [turned] = b.operator("TRANSPOSE", [x, np.int32([1, 0, 2])])
    return b.operator("RESHAPE", [turned, np.int32([24, 1])])


MIXERS = [concatenate, pad, tile, gather, stack, largest, broadcast, stretch]


@pytest.mark.parametrize("mix", [*MIXERS, flatten_moved])
def test_mixing_samples_is_refused_naming_operator_and_tensor(mix: Mixer) -> None:
    builder = ModelBuilder()
    [x] = builder.operator("ABS", [builder.input((1, 4, 6))])
    model = builder.build(mix(builder, x))
    (subgraph,) = schema.ModelT.InitFromPackedBuf(model).subgraphs
    tensor = subgraph.tensors[subgraph.outputs[0]].name.decode()
    with pytest.raises(UnsupportedOpError) as caught:
        convert_bytes(model, "mixer")
    (problem,) = caught.value.problems
    last = len(subgraph.operators) - 1
    assert problem.startswith(f"mixer.tflite: operator {last} ")
    assert f"tensor '{tensor}': it mixes the samples of a batch: " in problem


def test_shapes_that_contradict_the_operators_are_a_damaged_file() -> None:
    x, y = (
        Value(name, (1, size), "float32", Provenance("tflite", index, name, (0, 1)))
        for index, (name, size) in enumerate({"x": 3, "y": 4}.items())
    )
    graph = Graph("g", "g.tflite", [x], [y], [Elementwise([x], [y], "abs")])
    with pytest.raises(InvalidModelError, match=r"g.tflite: operator -1 .*\[N, 3\].*\[1, 4\].*'y'"):
        follow_batch(graph)
