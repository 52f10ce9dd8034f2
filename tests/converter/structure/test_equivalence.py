"""What one class can stand for: numbers and optional steps may differ, all else may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.nodes import (
    block,
    constant,
    conv,
    depthwise,
    image,
    narrowed,
    pool,
    prelu,
    result,
    same_padded,
    step,
    widened,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.nodes.elementwise import Cast, LeakyRelu
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.motifs import CHAINS
from tflite2torch.converter.motifs.inverted_residual import is_inverted
from tflite2torch.converter.structure.equivalence import (
    node_structure,
    optional_steps,
    structure_of,
)
from tflite2torch.converter.structure.structure import Block, Skipped, Stage

Body = list[Node]


def chain(*steps: Callable[[Value], Node], channels: int = 4) -> Body:
    """Return steps, each of what the one before gives."""
    nodes: Body = []
    x = image(channels)
    for make in steps:
        nodes.append(make(x))
        x = result(*nodes)
    return nodes


def blaze(channels: int = 4, filters: int = 4, stride: int = 1, kernel: int = 3) -> Body:
    """A block whose shortcut is pooled and widened where its shape asks for it."""
    x = image(channels)
    body: Body = []
    main = skip = x
    if stride == 2:
        body += [pool(x), same_padded(x)]
        skip, main = result(body[0]), result(body[1])
    if filters > channels:
        body.append(widened(skip, filters - channels))
        skip = result(*body)
    body.append(depthwise(main, kernel, stride))
    body.append(conv(result(*body), filters, 1))
    body.append(step("add", result(*body), skip))
    body.append(step("relu", result(*body)))
    return body


def inverted(
    channels: int = 4,
    filters: int = 4,
    hidden: int = 8,
    *,
    shortcut: bool = True,
    activation: str = "relu6",
) -> Body:
    x = image(channels)
    body: Body = [conv(x, hidden, 1)]
    body.append(step(activation, result(*body)))
    body.append(depthwise(result(*body)))
    body.append(step(activation, result(*body)))
    body.append(conv(result(*body), filters, 1))
    if shortcut:
        body.append(step("add", result(*body), x))
    return body


def optional(nodes: Body) -> dict[Node, Value]:
    return optional_steps(nodes, CHAINS)


def alike(one: Body, other: Body) -> bool:
    return block(one).key == block(other).key


def test_numbers_may_differ() -> None:
    assert alike(
        chain(lambda x: conv(x, 8, 3), lambda x: step("relu", x)),
        chain(lambda x: conv(x, 6, 5, 2), lambda x: step("relu", x), channels=7),
    )


@pytest.mark.parametrize(
    "other",
    [
        lambda x: conv(x, 8, bias=False),
        lambda x: depthwise(x),
        lambda x: conv(x, 8, groups=2),
        lambda x: conv(x, 8, 1),
        lambda x: pool(x, 3, 1),
        lambda x: step("relu", x),
    ],
    ids=["no bias", "depthwise", "grouped", "pointwise", "pool", "activation"],
)
def test_kinds_of_steps_may_not(other: Callable[[Value], Node]) -> None:
    assert not alike(chain(lambda x: conv(x, 8)), chain(other))


def test_pools_of_maxima_and_means_are_two_things() -> None:
    assert alike(chain(lambda x: pool(x)), chain(lambda x: pool(x, 3, 1)))
    assert not alike(chain(lambda x: pool(x)), chain(lambda x: pool(x, kind="avg")))


def test_activations_and_their_slopes_may_not_differ() -> None:
    def leaky(slope: float) -> Body:
        return chain(lambda x: LeakyRelu([x], [image()], slope))

    assert alike(leaky(0.1), leaky(0.1))
    assert not alike(leaky(0.1), leaky(0.2))
    assert not alike(chain(lambda x: step("relu", x)), chain(lambda x: step("relu6", x)))


def test_one_slope_for_all_channels_is_a_number_like_others() -> None:
    assert alike(chain(lambda x: prelu(x, 1)), chain(lambda x: prelu(x)))


def test_types_may_not_differ() -> None:
    def cast(dtype: str) -> Body:
        return chain(lambda x: Cast([x], [Value("y", x.shape, dtype)]))

    assert not alike(cast("int32"), cast("int64"))


def test_a_comment_belongs_to_its_step() -> None:
    """A class has one comment for all uses."""
    plain, commented = (chain(lambda x: step("relu", x)) for _ in range(2))
    commented[0].comment = "why"
    assert not alike(plain, commented)


def test_windows_that_tile_the_image_differ_in_numbers_only() -> None:
    """Reduction by 2x2 at stride 2 in one block, pointwise in the next."""
    assert alike(chain(lambda x: conv(x, 8, 1)), chain(lambda x: conv(x, 8, 2, 2)))
    assert not alike(chain(lambda x: conv(x, 8, 1)), chain(lambda x: conv(x, 8, 2)))


def test_how_steps_are_connected_may_not_differ() -> None:
    def sums(last: int) -> Body:
        x = image()
        first = conv(x, 4)
        second = step("exp", result(first))
        values = [x, result(first), result(second)]
        return [first, second, step("mul", result(second), values[last])]

    assert alike(sums(1), sums(1))
    assert not alike(sums(0), sums(1))


def test_the_order_of_operands_may_not_differ() -> None:
    def difference(*, swapped: bool) -> Body:
        x = image()
        first = conv(x, 4)
        pair = [result(first), x]
        return [first, step("sub", *(pair[::-1] if swapped else pair))]

    assert not alike(difference(swapped=False), difference(swapped=True))


def test_a_value_read_twice_is_not_two_values() -> None:
    def product(*, twice: bool) -> Body:
        x, y = image(), image()
        first, second = conv(x, 4), conv(x if twice else y, 4)
        return [first, second, step("mul", result(first), result(second))]

    assert alike(product(twice=True), product(twice=True))
    assert not alike(product(twice=True), product(twice=False))


def test_other_numbers_of_operands_are_other_code() -> None:
    def concat(count: int) -> Body:
        x = image()
        return [Concat([x] * count, [image(4 * count)], 1)]

    assert not alike(concat(2), concat(3))


def test_a_single_number_is_written_out_and_may_not_differ() -> None:
    def scaled(by: Value) -> Body:
        return chain(lambda x: step("mul", x, by))

    half = constant(value=0.5)
    assert alike(scaled(half), scaled(constant(1, 1, value=0.5)))
    assert not alike(scaled(half), scaled(constant(value=0.25)))
    assert alike(scaled(constant(4, 1, 1)), scaled(constant(4, 1, 1, value=2)))
    assert not alike(scaled(constant(4, 1, 1)), scaled(constant(8, 8)))


def test_zeros_of_either_sign_are_two_numbers() -> None:
    """One over them is infinity on either side."""
    zeros = (constant(value=0.0), constant(value=-0.0))
    one, other = (chain(lambda x, z=zero: step("mul", x, z)) for zero in zeros)
    assert not alike(one, other)


def test_sharing_a_constant_is_part_of_it() -> None:
    def twice(*, shared: bool) -> Body:
        first = constant(4, 1, 1)
        second = first if shared else constant(4, 1, 1)
        return chain(lambda x: step("mul", x, first), lambda x: step("add", x, second))

    assert alike(twice(shared=True), twice(shared=True))
    assert not alike(twice(shared=True), twice(shared=False))


def test_a_block_is_told_by_what_is_in_it() -> None:
    def outer(function: str) -> Body:
        layer = conv(image(), 4)
        inner = block([layer, step(function, result(layer))])
        return [inner, step("abs", result(inner))]

    assert alike(outer("relu"), outer("relu"))
    assert not alike(outer("relu"), outer("tanh"))


def test_a_stage_is_told_by_its_blocks() -> None:
    def stage(*functions: str) -> Stage:
        blocks = [block(chain(lambda x, f=f: step(f, x))) for f in functions]
        return Stage(blocks[0].inputs, blocks[-1].outputs, blocks)

    assert node_structure(stage("exp", "abs")) == node_structure(stage("exp", "abs"))
    assert node_structure(stage("exp", "abs")) != node_structure(stage("abs", "exp"))
    assert node_structure(stage("exp")) != node_structure(stage("exp", "exp"))


OPTIONS = {
    "stride 2": {"stride": 2},
    "wider": {"filters": 6},
    "wider at stride 2": {"filters": 6, "stride": 2},
    "another kernel": {"kernel": 5},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_shortcut_may_be_pooled_and_widened(options: dict[str, int]) -> None:
    """So may the image be padded before a convolution of another stride."""
    assert alike(blaze(), blaze(**options))


def test_a_shortcut_may_be_narrowed() -> None:
    x = image(8)
    skip, main = narrowed(x, 4), conv(x, 4, 1)
    less: Body = [skip, main, step("add", result(main), result(skip))]
    y = image()
    plain = conv(y, 4, 1)
    same: Body = [plain, step("add", result(plain), y)]
    assert alike(less, same)
    assert optional(less) == {skip: x}


def test_a_shortcut_with_weights_is_another_block() -> None:
    x = image()
    skip, main = conv(x, 4, 1), conv(x, 4)
    projected: Body = [skip, main, step("add", result(main), result(skip))]
    y = image()
    plain = conv(y, 4)
    assert not alike(projected, [plain, step("add", result(plain), y)])
    assert not optional(projected)


def test_what_a_shortcut_does_that_others_read_is_not_optional() -> None:
    x = image()
    skip = pool(x)
    main = conv(result(skip), 4)
    nodes: Body = [skip, main, step("add", result(main), result(skip))]
    assert not optional(nodes)


def test_many_steps_are_no_shortcut() -> None:
    def around(count: int) -> Body:
        x = image()
        skips: Body = []
        for _ in range(count):
            skips.append(widened(result(*skips) if skips else x, 1))
        main = conv(x, 4 + count)
        return [*skips, main, step("add", result(main), result(*skips))]

    assert len(optional(around(4))) == 4
    assert not optional(around(5))


def test_a_product_has_no_shortcut() -> None:
    x = image()
    skip, main = pool(x), conv(x, 4, 3, 2, padding=1)
    assert not optional([skip, main, step("mul", result(main), result(skip))])


def test_only_tflite_s_padding_of_one_convolution_is_optional() -> None:
    x = image()
    same, own = same_padded(x), same_padded(x)
    own.of_window = False
    assert optional([same, conv(result(same), 4, 3, 2)]) == {same: x}
    assert not optional([own, conv(result(own), 4, 3, 2)])
    assert not optional([same, pool(result(same), 3)])
    twice = [conv(result(same), 4, 3, 2) for _ in range(2)]
    assert not optional([same, *twice])


def test_a_mark_is_an_optional_step() -> None:
    x = image()
    skipped = Skipped([x], [image()], pool(x))
    assert optional([skipped]) == {skipped: x}
    assert node_structure(skipped) == node_structure(pool(image()))


def test_an_inverted_bottleneck_may_lack_its_shortcut() -> None:
    body = inverted()
    assert optional(body) == {body[-1]: result(body[-2])}
    assert alike(inverted(), inverted(shortcut=False))
    assert alike(inverted(), inverted(4, 6, 12, shortcut=False))
    assert not alike(inverted(), inverted(shortcut=False, activation="relu"))


@pytest.mark.parametrize("hidden", [2, 4])
def test_a_bottleneck_that_does_not_widen_may_not(hidden: int) -> None:
    assert not optional(inverted(hidden=hidden))
    assert not alike(inverted(hidden=hidden), inverted(hidden=hidden, shortcut=False))


def test_what_follows_the_sum_belongs_to_another_block() -> None:
    body = inverted()
    assert not optional([*body, step("relu", result(*body))])


def test_an_inverted_bottleneck_begins_and_ends_with_a_layer() -> None:
    body = inverted(shortcut=False)
    assert is_inverted(body)
    assert not is_inverted(body[:-1])
    assert not is_inverted([*body, step("relu", result(*body))])
    assert not is_inverted([step("relu", image()), *body])


def test_a_structure_lasts_while_its_block_changes() -> None:
    whole = block([conv(image(), 4)])
    before = whole.key
    whole.body.append(step("relu", result(*whole.body)))
    assert whole.key == before != structure_of(whole.body, CHAINS)[1]


def test_structures_are_the_same_from_run_to_run() -> None:
    """They hold names and numbers, nothing that a process draws by lot."""
    assert "0x" not in repr(block(blaze(4, 6, 2)).key)
    assert block(blaze()).key == block(blaze()).key


@pytest.mark.parametrize("swapped", [False, True], ids=["layer first", "skip first"])
def test_optional_steps_have_no_say_in_the_order_of_what_is_read(swapped: bool) -> None:
    """What a class reads first in one use, it reads first in all."""

    def merge(*, widens: bool) -> tuple[Block, Value, Value]:
        x, skip = image(6), image(4 if widens else 6)
        layer = conv(x, 6)
        pads = [widened(skip, 2)] if widens else []
        sides = [result(layer), result(*pads) if widens else skip]
        total = step("add", *(sides[::-1] if swapped else sides))
        return block([*pads, layer, total]), x, skip

    one, *read = merge(widens=False)
    other, *also_read = merge(widens=True)
    assert one.key == other.key
    places = [one.inputs.index(value) for value in read]
    assert [other.inputs.index(value) for value in also_read] == places
