"""A permute of a permute becomes one."""

from __future__ import annotations

from tests.support.nodes import graph, step
from tflite2torch.converter.graph.nodes.shape import Permute
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.passes.merge_permutes import merge_permutes


def test_the_second_one_reads_what_the_first_one_reads() -> None:
    x = Value("", (N, 4, 3, 2), "float32")
    first = Permute.of(x, (0, 2, 3, 1))
    second = Permute.of(first.outputs[0], (0, 2, 1, 3))
    whole = graph([x], [first, second])
    assert merge_permutes(whole).count == 1
    whole.verify()
    assert (second.inputs, second.axes) == ([x], (0, 3, 2, 1))


def test_what_stands_between_them_keeps_both() -> None:
    x = Value("", (N, 4, 3, 2), "float32")
    first = Permute.of(x, (0, 2, 3, 1))
    middle = step("relu", first.outputs[0])
    second = Permute.of(middle.outputs[0], (0, 3, 1, 2))
    whole = graph([x], [first, middle, second])
    assert merge_permutes(whole).count == 0
    assert second.axes == (0, 3, 1, 2)
