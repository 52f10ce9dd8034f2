"""The graph: values that know where they came from, and nodes in order."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tflite2torch.converter.graph.graph import Graph
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
