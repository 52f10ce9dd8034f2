"""Steps that do nothing, or whose result nobody reads, go."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Ref, Tensor, one_operator_model
from tests.support.operators import ALL_PASSES, assert_same, graph_after, graph_of
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.rewriting import run_passes
from tflite2torch.converter.passes.dead_code_elimination import eliminate_dead_code


class Steps(ModelBuilder):
    """Writes steps that do nothing to (1, 4, 6), and some that do."""

    def whole(self, x: Ref) -> Ref:
        operands = [x, np.int32([0, 0, 0]), np.int32([1, -1, 6])]
        return self.operator("SLICE", operands, options=schema.SliceOptionsT())[0]

    def same_shape(self, x: Ref) -> Ref:
        return self.operator("RESHAPE", [x, np.int32([1, 4, 6])])[0]

    def same_axes(self, x: Ref) -> Ref:
        return self.operator("TRANSPOSE", [x, np.int32([0, 1, 2])])[0]

    def relu(self, x: Ref) -> Ref:
        return self.operator("RELU", [x])[0]


def test_identities_go() -> None:
    """The docstring's example."""
    b = Steps()
    x = b.input((1, 4, 6))
    model = b.build([b.relu(b.same_axes(b.same_shape(b.whole(x))))])
    graph = graph_after(graph_of(model), eliminate_dead_code)
    (node,) = graph.nodes
    assert isinstance(node, Elementwise)
    assert node.inputs == graph.inputs
    assert_same(model)


def test_an_output_behind_identities_keeps_its_own_name() -> None:
    b = Steps()
    last = b.same_shape(b.whole(b.relu(b.input((1, 4, 6)))))
    model = b.build([last])
    graph = graph_after(graph_of(model), eliminate_dead_code)
    (node,) = graph.nodes
    assert isinstance(node, Elementwise)
    assert node.outputs == graph.outputs
    (output,) = graph.outputs
    assert output.origin is not None
    assert output.origin.index == last.index
    assert_same(model)


def test_what_nobody_reads_goes() -> None:
    b = Steps()
    x = b.input((1, 4, 6))
    b.relu(b.relu(x))
    model = b.build([b.relu(x)])
    assert len(graph_after(graph_of(model), eliminate_dead_code).nodes) == 1
    assert_same(model)


def test_another_part_of_a_tensor_stays() -> None:
    b = Steps()
    operands = [b.input((1, 4, 6)), np.int32([0, 1, 0]), np.int32([1, 3, 6])]
    results = b.operator("SLICE", operands, options=schema.SliceOptionsT())
    assert len(graph_after(graph_of(b.build(results)), eliminate_dead_code).nodes) == 1


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_model_that_gives_back_its_input(steps: int) -> None:
    b = Steps()
    x = b.input((1, 4, 6))
    for _ in range(steps):
        x = b.same_shape(x)
    assert_same(b.build([x]))


def test_an_output_that_another_output_repeats() -> None:
    b = Steps()
    first = b.relu(b.input((1, 4, 6)))
    conversion = assert_same(b.build([first, b.same_shape(first)]))
    assert [entry["tensor"] for entry in conversion.outputs] == [1, 3]


def test_the_same_output_twice() -> None:
    b = Steps()
    result = b.relu(b.input((1, 4, 6)))
    assert_same(b.build([result, result]))


def test_an_output_that_later_steps_read_too() -> None:
    b = Steps()
    first = b.same_shape(b.relu(b.input((1, 4, 6))))
    assert_same(b.build([first, b.relu(first)]))


def test_a_reduction_of_the_batch_alone_does_nothing() -> None:
    options = schema.ReducerOptionsT(keepDims=True)
    operands = [Tensor((1, 4)), np.int32([0])]
    model = one_operator_model("SUM", operands, options=options)
    graph = graph_of(model)
    run_passes(graph, ALL_PASSES)
    assert not graph.nodes or graph.nodes[0].outputs == graph.outputs
    assert_same(model)
