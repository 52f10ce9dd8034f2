"""Classification of nodes as layers or activations, and grouping of blocks into classes."""

from __future__ import annotations

from tests.support.nodes import (
    block,
    conv,
    image,
    linear,
    pool,
    prelu,
    result,
    step,
    widened,
)
from tflite2torch.converter.structure.structure import (
    Stage,
    is_activation,
    is_layer,
    uses_of_classes,
)


def test_what_is_a_layer_and_what_belongs_to_one() -> None:
    x = image()
    for node in (conv(x, 4), linear(x, 4), block([conv(x, 4)])):
        assert is_layer(node)
        assert not is_activation(node)
    for node in (prelu(x), step("tanh", x)):
        assert is_activation(node)
        assert not is_layer(node)
    for node in (pool(x), step("add", x, x), widened(x, 1)):
        assert not is_layer(node)
        assert not is_activation(node)


def test_classes_of_inner_blocks_come_first() -> None:
    x = image()
    inner = block([conv(x, 4)])
    outer = block([inner, step("add", result(inner), x)])
    other = block([conv(result(outer), 8)])
    stage = Stage([result(outer)], other.outputs, [other])
    uses = uses_of_classes([outer, stage])
    assert list(uses.values()) == [[inner, other], [outer]]
    assert list(uses) == [inner.key, outer.key]
