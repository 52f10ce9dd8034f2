"""The graph: values that know where they came from, and nodes in order."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.nodes import block
from tflite2torch.converter.graph.graph import Graph, GraphError
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.value import N, Provenance, Value


def origin(permutation: tuple[int, ...]) -> Provenance:
    return Provenance("tflite", 7, "w", permutation)


def test_the_batch_prints_as_n_and_counts_as_one() -> None:
    assert f"{(N, 3)}" == "(N, 3)"
    assert str(N) == "N"
    assert math.prod((N, 3, 4)) == 12
    assert N == 1
    assert type(N) is not int  # a size that happens to be 1 is another thing


def test_a_value_is_batched_where_its_leading_axis_is_the_batch() -> None:
    assert Value("x", (N, 3), "float32").batched
    assert not Value("x", (1, 3), "float32").batched
    assert not Value("x", (3, N), "float32").batched
    assert not Value("x", (), "float32").batched


def test_permuting_moves_sizes_provenance_and_elements() -> None:
    data = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    value = Value("w", (2, 3, 4), "float32", origin((0, 1, 2)), data)
    assert value.permutation == (0, 1, 2)
    turned = value.permuted((2, 0, 1)).permuted((0, 2, 1))
    assert turned.shape == (4, 3, 2)
    assert turned.permutation == (2, 1, 0)
    assert turned.origin is not None
    assert turned.origin.index == 7
    assert turned.array.dtype == np.float16
    np.testing.assert_array_equal(turned.array, data.transpose(turned.permutation))


def test_permuting_keeps_an_axis_that_tflite_lacks() -> None:
    value = Value("x", (N, 5, 6), "float32", origin((-1, 0, 1)))
    assert value.permuted((0, 2, 1)).permutation == (-1, 1, 0)


def test_a_computed_value_holds_nothing() -> None:
    with pytest.raises(AttributeError, match="is computed"):
        _ = Value("x", (2,), "float32").array


def test_a_value_prints_what_matters() -> None:
    assert repr(Value("x", (N, 3), "float32", origin((0, 1)))) == "float32[N, 3]#7"
    constant = Value("c", (1,), "int32", data=np.int32([1]))
    assert repr(constant) == "const int32[1]"


def small_graph() -> tuple[Graph, list[Value]]:
    """y = x * c; z = y + y."""
    x, y, z = (Value(name, (N, 3), "float32") for name in "xyz")
    c = Value("c", (3,), "float32", data=np.ones(3, np.float32))
    nodes = [Elementwise([x, c], [y], "mul"), Elementwise([y, y], [z], "add")]
    return Graph("small", "small.tflite", [x], [z, y], list(nodes)), [x, c, y, z]


def test_who_computes_and_who_reads() -> None:
    graph, (x, c, y, z) = small_graph()
    multiply, add = graph.nodes
    assert graph.producers() == {y: multiply, z: add}
    assert graph.users() == {x: [multiply], c: [multiply], y: [add, add]}


def test_what_is_read_once_and_is_no_output_has_one_user() -> None:
    graph, (x, c, y, _) = small_graph()
    multiply, add = graph.nodes
    assert graph.sole_users() == {x: multiply, c: multiply}
    add.inputs = [y, x]
    assert graph.sole_users() == {c: multiply}
    graph.outputs.remove(y)
    assert graph.sole_users() == {c: multiply, y: add}


def test_which_outputs_depend_on_a_node() -> None:
    graph, (*_, y, z) = small_graph()
    multiply, add = graph.nodes
    assert graph.reached_outputs() == {multiply: {y, z}, add: {z}}


def test_a_graph_that_can_run_is_verified() -> None:
    small_graph()[0].verify()


def reversed_nodes(graph: Graph) -> None:
    graph.nodes.reverse()


def a_node_twice(graph: Graph) -> None:
    graph.nodes.append(graph.nodes[0])


def an_input_computed(graph: Graph) -> None:
    graph.nodes[1].outputs = list(graph.inputs)


def a_constant_computed(graph: Graph) -> None:
    graph.nodes[1].outputs = [graph.nodes[0].inputs[1]]


def an_output_of_nothing(graph: Graph) -> None:
    graph.outputs.append(Value("w", (N, 3), "float32"))


def a_parameter_that_is_computed(graph: Graph) -> None:
    graph.nodes[1].parameters["weight"] = graph.inputs[0]


def another_shape(graph: Graph) -> None:
    graph.nodes[1].outputs[0].shape = (N, 4)


def one_for_the_batch(graph: Graph) -> None:
    graph.nodes[1].outputs[0].shape = (1, 3)


def operands_that_do_not_fit(graph: Graph) -> None:
    graph.nodes[1].inputs[1] = Value("c", (4,), "float32", data=np.ones(4, np.float32))


def a_constant_of_another_shape(graph: Graph) -> None:
    graph.nodes[0].inputs[1].data = np.ones(7, np.float32)


def an_image_of_two_axes(graph: Graph) -> None:
    graph.nodes[1].outputs[0].image = True


def a_permutation_of_other_axes(graph: Graph) -> None:
    graph.nodes[1].outputs[0].origin = origin((0, 2, 1))


def too_many_names(graph: Graph) -> None:
    graph.output_names = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (reversed_nodes, "node 0: .* reads .* which nothing before it gives"),
        (a_node_twice, "node 2: .* exists already"),
        (an_input_computed, "node 1: .* exists already"),
        (a_constant_computed, "node 1: .* exists already"),
        (an_output_of_nothing, "small.tflite: nothing gives the output"),
        (a_parameter_that_is_computed, "node 1: .* has a weight that is computed"),
        (another_shape, r"node 1: .* gives \[N, 3\], stated as \[N, 4\]"),
        (one_for_the_batch, r"node 1: .* gives \[N, 3\], stated as \[1, 3\]"),
        (operands_that_do_not_fit, "node 1: .* sizes 3, 4 do not broadcast"),
        (a_constant_of_another_shape, r"node 0: .* holds \[7\]"),
        (an_image_of_two_axes, "node 1: .* is no image"),
        (a_permutation_of_other_axes, r"node 1: .* permuted by \(0, 2, 1\)"),
        (too_many_names, "small.tflite: 3 names for 2 outputs"),
    ],
)
def test_a_graph_that_breaks_an_invariant_is_told(
    damage: Callable[[Graph], None], said: str
) -> None:
    graph, _ = small_graph()
    damage(graph)
    with pytest.raises(GraphError, match=said):
        graph.verify()


def test_nodes_that_consist_of_others_are_verified_inside() -> None:
    graph, (x, *_, z) = small_graph()
    whole = block(graph.nodes)
    outer = Graph("outer", "outer.tflite", [x], [z], [whole])
    outer.verify()
    whole.body.reverse()
    with pytest.raises(GraphError, match=r"node 0: .* node 0: .* nothing before it"):
        outer.verify()


def test_replacing_reaches_every_reader_and_the_outputs() -> None:
    graph, (x, _, y, z) = small_graph()
    graph.replace(y, x)
    assert graph.nodes[1].inputs == [x, x]
    assert graph.outputs == [z, x]
    assert graph.nodes[0].outputs == [y]


def test_values_and_nodes_are_what_they_are_not_what_they_look_like() -> None:
    """Two equal constants are two constants: sets and dicts must not merge them."""
    first, second = (Value("c", (1,), "float32") for _ in range(2))
    assert first != second
    assert len({first, second}) == 2


def test_a_graph_prints_a_line_for_each_node() -> None:
    text = str(small_graph()[0])
    assert text.splitlines()[0].startswith("small: [float32[N, 3]] -> ")
    assert "Elementwise(function='mul')" in text
    assert len(text.splitlines()) == 3
