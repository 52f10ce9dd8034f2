"""Which classes a module has, and under which name each constant is kept."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.layers import RELU6, Layers
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
    shared_keys = [k for k, v in conversion.state.items() if v.origin and v.origin.index == 0]
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


def test_arguments_are_given_to_the_parameters_that_they_are_meant_for() -> None:
    """Two uses agree in nothing: no argument has a default, channels or not."""
    b = Layers(seed=3)
    x = b.image(8, 8, 4)
    for filters, kernel, hidden in ((6, 3, 9), (5, 5, 11)):
        y = b.convolve(x, hidden, activation=RELU6)
        x = b.convolve(b.depthwise(y, kernel, activation=RELU6), filters)
    conversion = assert_same(b.build([x.ref]), 500)
    for number in (4, 6, 9, 5, 11):
        assert re.search(rf"InvertedResidual\(.*\b{number}\b", conversion.source)


def test_so_they_are_where_classes_hold_classes() -> None:
    """Each merge refines with a block of a kernel, and of channels, of its own."""
    b = Layers(seed=3)
    levels = [b.convolve(b.image(16, 16, 3), 4, 3)]
    for filters in (6, 8):
        levels.append(b.pool(b.convolve(levels[-1], filters, 3)))
    x = levels.pop()
    for filters, kernel in ((5, 3), (7, 5)):
        skip = levels.pop()
        x = b.resized(b.convolve(x, filters), skip.height, skip.width)
        x = b.sum(x, b.convolve(skip, filters))
        for _ in range(2):
            x = b.sum(b.convolve(b.depthwise(x, kernel), filters), x)
    conversion = assert_same(b.build([x.ref]), 500)
    assert conversion.source.count("(nn.Module)") == 3


def test_constants_of_several_shapes_in_one_class() -> None:
    b = Layers(seed=3)
    x = b.image(8, 8, 4)
    for filters in (4, 6, 6):
        x = b.convolve(x, filters)
        y = b.like(x, b.mul(b.convolve(x, filters, 3).ref, b.drawn(filters)))
        x = b.sum(y, x)
    conversion = assert_same(b.build([x.ref]), 500)
    scales = [v.shape for v in conversion.state.values() if len(v.shape) == 3]
    assert scales == [(4, 1, 1), (6, 1, 1), (6, 1, 1)]
    assert "nn.Parameter(torch.zeros(channels, 1, 1))" in conversion.source


def test_keys_are_short_and_say_where_a_part_stands() -> None:
    b = Layers(seed=3)
    x = b.convolve(b.image(16, 16, 3), 4, 3, activation=RELU6)
    for filters, stride in ((4, 1), (4, 1), (6, 2), (6, 1)):
        y = b.convolve(b.depthwise(x, 3, stride), filters)
        skip = b.pool(x) if stride == 2 else x
        skip = b.padded(skip, filters - x.channels) if filters > x.channels else skip
        x = b.sum(y, skip)
    conversion = assert_same(b.build([x.ref]), 500)
    parts = [
        f"stage{stage}.{place}.{layer}.{kind}"
        for stage in (1, 2)
        for place in (0, 1)
        for layer in ("depthwise", "pointwise")
        for kind in ("weight", "bias")
    ]
    assert [key for key in conversion.state if key.startswith("stage")] == parts


def test_parts_of_some_outputs_only_stand_behind_the_others() -> None:
    """Whatever the order of the file."""
    b = Layers(seed=3)
    x = b.convolve(b.image(8, 8, 3), 4, 3)
    first = b.convolve(x, 2, 3)
    x = b.convolve(b.like(x, b.function("TANH", x.ref)), 5, 3)
    second, third = b.convolve(x, 3), b.convolve(x, 6)
    conversion = assert_same(b.build([third.ref, first.ref, second.ref]), 500)
    outputs = [value.shape[0] for key, value in conversion.state.items() if "bias" in key]
    assert outputs[0] == 4
    assert sorted(outputs[1:]) == [2, 3, 5, 6]


@pytest.mark.parametrize("windows", [(0, 2, 3, 0), (0, 3, 2, 0), (2, 0, 3, 0)], ids=str)
def test_numbers_that_only_some_uses_have(windows: tuple[int, ...]) -> None:
    """Some pool, over windows of several sizes; the first one, perhaps, does not."""
    b = Layers(seed=3)
    x = b.image(39, 39, 4)
    for window in windows:
        stride = 2 if window else 1
        y = b.convolve(b.depthwise(x, 3, stride, same=stride == 1), 4)
        x = b.sum(y, b.pool(x, window, 2, same=False) if window else x)
    conversion = assert_same(b.build([x.ref]), 500)
    assert conversion.source.count("(nn.Module)") == 2
