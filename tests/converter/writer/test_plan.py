"""Which classes a module has, and under which name each constant is kept."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, ModelBuilder, Ref, Tensor
from tests.support.networks import Network
from tests.support.operators import assert_same, weights

C = 3


def scaled_residual(b: Network, x: Ref, first: Ref | Array, second: Ref | Array) -> Ref:
    """Scale and shift a branch by constants, before it joins the shortcut."""
    [branch] = b.operator(
        "FULLY_CONNECTED",
        [x, weights(C, C), None],
        options=schema.FullyConnectedOptionsT(keepNumDims=True),
    )
    branch = b.add(b.mul(branch, first), second)
    return b.function("RELU", b.add(x, branch))


def stored_once(b: ModelBuilder, data: Array) -> Ref:
    """A constant that several operators read."""
    [ref] = b.operator("DEQUANTIZE", [data.astype(np.float16)])
    return ref


@pytest.mark.parametrize("shared_first", [True, False])
def test_a_constant_that_one_block_reads_twice_and_another_once(
    shared_first: bool,
) -> None:
    """Sharing in one use of a class must not become sharing in all of them."""
    b = Network()
    shared = stored_once(b, weights(C))
    one, two = stored_once(b, weights(C, seed=1)), stored_once(b, weights(C, seed=2))
    pairs = [(shared, shared), (one, two)]
    x = b.input((1, 4, C))
    for pair in pairs if shared_first else pairs[::-1]:
        x = scaled_residual(b, x, *pair)
    assert_same(b.build([x]), 6 * 6)


def test_a_constant_that_two_blocks_share() -> None:
    b = Network()
    shared = stored_once(b, weights(C))
    x = b.input((1, 4, C))
    for seed in (1, 2):
        x = scaled_residual(b, x, shared, weights(C, seed=seed))
    conversion = assert_same(b.build([x]), 6 * 6)
    shared_keys = [k for k, v in conversion.state.items() if v.tensor == 0]
    assert len(shared_keys) == 2


def test_layers_that_share_a_bias_each_have_it() -> None:
    b = Network()
    bias = stored_once(b, weights(C))
    x = b.input((1, 4, 5, C))
    for seed in (1, 2):
        kernels = weights(C, 1, 1, C, seed=seed)
        options = schema.Conv2DOptionsT(strideH=1, strideW=1)
        [x] = b.operator("CONV_2D", [x, kernels, bias], options=options)
    conversion = assert_same(b.build([x]), 8)
    assert len([k for k in conversion.state if k.endswith(".bias")]) == 2


def test_a_constant_that_is_read_twice_is_kept_once() -> None:
    b = Network()
    shared = stored_once(b, weights(C))
    x = b.add(b.mul(b.input((1, C)), shared), shared)
    assert len(assert_same(b.build([x]), 2).state) == 1


def test_blocks_of_several_widths_take_arguments() -> None:
    b = Network()
    x = b.residual(b.input((1, 4, 5, C)), C)
    x = b.residual(b.conv(x, C, 7), 7)
    source = assert_same(b.build([x]), 64**2).source
    assert "def __init__(self, channels: int) -> None:" in source
    assert "ResidualBlock(3)" in source
    assert "ResidualBlock(7)" in source


def test_constants_that_are_not_floating_point_are_no_parameters() -> None:
    """They must not be trained, nor change type when they are loaded."""
    b = Network()
    [x] = b.operator(
        "ADD",
        [Tensor((1, C), "int32"), np.arange(C, dtype=np.int32)],
        ["int32"],
        schema.AddOptionsT(),
    )
    source = assert_same(b.build([x])).source
    assert "register_buffer" in source
    assert "nn.Parameter" not in source


def test_a_model_of_steps_without_weights_has_no_state() -> None:
    b = Network()
    conversion = assert_same(b.build([b.function("RELU", b.input((1, C)))]))
    assert conversion.state == {}
    assert conversion.parameters == 0
