"""What the uses of a class differ in becomes its constructor's arguments."""

from __future__ import annotations

import ast

import pytest

from tests.support.nodes import image, pool
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.planning.constructor import Constructor, Slot
from tflite2torch.converter.planning.derivation import derive_constructor
from tflite2torch.converter.structure.structure import Block, Skipped
from tflite2torch.converter.writer.expressions import spelled


def use(channels_in: int, channels_out: int, *steps: Node) -> Block:
    x = Value("x", (N, channels_in, 8, 8), "float32", image=True)
    y = Value("y", (N, channels_out, 8, 8), "float32", image=True)
    return Block([x], [y], list(steps))


def optional(there: bool) -> Node:
    """Return the only step of a use, or the mark of a use that lacks it."""
    x = image()
    return pool(x) if there else Skipped([x], [image()], pool(x))


def slot(argument: str, place: int = 0, *path: int) -> Slot:
    return Slot((place,), argument, path)


def expressions(constructor: Constructor) -> dict[Slot, str]:
    """Return the expressions as Python."""
    found = constructor.expressions.items()
    return {place: ast.unparse(spelled(e, {})) for place, e in found}


def conditions(constructor: Constructor) -> dict[int, str]:
    """Return the conditions as Python."""
    found = constructor.conditions.items()
    return {place: ast.unparse(spelled(e, {})) for place, e in found}


def test_what_all_uses_share_is_no_argument() -> None:
    uses = [use(8, 8), use(8, 8)]
    constructor = derive_constructor(uses, [{slot("kernel_size"): 3}] * 2)
    assert constructor.arguments == {}
    assert expressions(constructor) == {}


def test_channels_are_the_arguments() -> None:
    uses = [use(24, 28), use(28, 32)]
    wide, out = slot("in_channels"), slot("out_channels")
    constructor = derive_constructor(uses, [{wide: 24, out: 28}, {wide: 28, out: 32}])
    assert constructor.arguments == {"in_channels": (24, 28), "out_channels": (28, 32)}
    assert expressions(constructor) == {wide: "in_channels", out: "out_channels"}
    assert constructor.values_of(uses[1]) == {"in_channels": 28, "out_channels": 32}


def test_channels_that_stay_are_one_argument() -> None:
    uses = [use(24, 24), use(28, 28)]
    wide, groups = slot("in_channels"), slot("groups")
    constructor = derive_constructor(uses, [{wide: 24, groups: 24}, {wide: 28, groups: 28}])
    assert constructor.arguments == {"channels": (24, 28)}
    assert expressions(constructor)[groups] == "channels"


@pytest.mark.parametrize(
    ("numbers", "expression"),
    [
        ((48, 64), "2 * channels"),
        ((12, 16), "channels // 2"),
        ((8, 31), "hidden"),
    ],
)
def test_a_multiple_is_written_as_one(numbers: tuple[int, int], expression: str) -> None:
    """If another layer gives the block's result."""
    uses = [use(24, 24), use(32, 32)]
    wide, hidden, out = (
        slot("in_channels"),
        slot("out_channels"),
        slot("out_channels", 1),
    )
    table = [{wide: n, hidden: h, out: n} for n, h in zip((24, 32), numbers, strict=True)]
    assert expressions(derive_constructor(uses, table))[hidden] == expression


def test_padding_is_what_lacks_between_two_sizes() -> None:
    """Even where the difference happens to equal one of them in every use."""
    uses = [use(24, 48), use(28, 56)]
    wide, out = slot("in_channels"), slot("out_channels", 1)
    padding = slot("padding", 2, 5)
    table = [
        {wide: 24, out: 48, padding: 24},
        {wide: 28, out: 56, padding: 28},
    ]
    constructor = derive_constructor(uses, table)
    assert expressions(constructor)[padding] == "out_channels - in_channels"


def test_a_number_that_follows_from_nothing_is_an_argument_of_its_own_name() -> None:
    uses = [use(24, 24), use(24, 24), use(24, 24)]
    kernel = slot("kernel_size")
    constructor = derive_constructor(uses, [{kernel: n} for n in (3, 5, 4)])
    assert constructor.arguments == {"kernel_size": (3, 5, 4)}
    assert constructor.values_of(uses[2]) == {"kernel_size": 4}


CHANNELS = (24, 32, 48)
WIDE, OUT = slot("in_channels"), slot("out_channels", 9)


def derived(extra: dict[Slot, tuple[int, ...]], *, out: tuple[int, ...] = CHANNELS) -> Constructor:
    """Derive constructor of uses with these numbers beside their channels."""
    uses = [use(a, b) for a, b in zip(CHANNELS, out, strict=True)]
    columns = {WIDE: CHANNELS, OUT: out, **extra}
    slots = [
        {place: numbers[i] for place, numbers in columns.items() if numbers[i] >= 0}
        for i in range(len(CHANNELS))
    ]
    return derive_constructor(uses, slots)


LACKS = -1
"""A use has no number in a place where it lacks the step."""


@pytest.mark.parametrize(
    ("numbers", "expression"),
    [
        ((96, 128, 192), "4 * channels"),
        ((6, 8, 12), "channels // 4"),
        ((144, 128, 288), "expansion * channels"),
        ((12, 8, 24), "channels // reduction"),
        ((72, 88, 91), "hidden"),
    ],
)
def test_hidden_channels_follow_from_those_that_enter(
    numbers: tuple[int, ...], expression: str
) -> None:
    constructor = derived({slot("out_channels", 1): numbers})
    assert expressions(constructor)[slot("out_channels", 1)] == expression


def test_a_ratio_that_says_no_more_than_the_number_is_none() -> None:
    """As many ratios as numbers: hidden channels say it shorter."""
    constructor = derived({slot("out_channels", 1): (48, 128, 288)})
    assert constructor.arguments["hidden"] == (48, 128, 288)
    assert "expansion" not in constructor.arguments


def test_a_ratio_in_relation_to_what_leaves() -> None:
    constructor = derived({slot("out_channels", 1): (9, 8, 18)}, out=(36, 32, 72))
    assert expressions(constructor)[slot("out_channels", 1)] == "out_channels // 4"
    constructor = derived({slot("out_channels", 1): (9, 16, 18)}, out=(36, 32, 72))
    assert expressions(constructor)[slot("out_channels", 1)] == "out_channels // reduction"
    assert constructor.arguments["reduction"] == (4, 2, 4)


def test_half_of_an_odd_number_is_what_python_makes_of_it() -> None:
    uses = [use(n, n) for n in (9, 15)]
    hidden = slot("out_channels", 1)
    table = [{WIDE: n, hidden: n // 2, OUT: n} for n in (9, 15)]
    assert expressions(derive_constructor(uses, table))[hidden] == "channels // 2"


@pytest.mark.parametrize(
    ("padding", "expression"),
    [
        ((1, 2, 1), "kernel_size // 2"),
        ((0, 1, 0), "kernel_size // 2 - 1"),
        ((1, 2, 0), "padding"),
    ],
)
def test_padding_follows_from_the_kernel(padding: tuple[int, ...], expression: str) -> None:
    constructor = derived({slot("kernel_size"): (3, 5, 3), slot("padding"): padding})
    assert expressions(constructor)[slot("padding")] == expression


@pytest.mark.parametrize(
    ("padding", "expression"),
    [
        ((1, 0, 0), "1 if stride == 1 else 0"),
        ((2, 0, 0), "2 if stride == 1 else 0"),
        ((0, 1, 1), "0 if stride == 1 else 1"),
    ],
)
def test_padding_follows_from_the_stride(padding: tuple[int, ...], expression: str) -> None:
    constructor = derived({slot("stride"): (1, 2, 2), slot("padding"): padding})
    assert expressions(constructor)[slot("padding")] == expression


def test_padding_of_three_strides_is_an_argument() -> None:
    constructor = derived({slot("stride"): (1, 2, 3), slot("padding"): (1, 0, 2)})
    assert expressions(constructor)[slot("padding")] == "padding"


def test_padding_follows_from_kernel_and_stride() -> None:
    uses = [use(8, 8) for _ in range(4)]
    numbers = [(1, 3, 1), (1, 5, 2), (2, 3, 0), (2, 5, 0)]
    slots = [{slot("stride"): s, slot("kernel_size"): k, slot("padding"): p} for s, k, p in numbers]
    assert expressions(derive_constructor(uses, slots))[slot("padding")] == (
        "kernel_size // 2 if stride == 1 else 0"
    )


def test_a_kernel_as_large_as_its_stride_needs_no_argument() -> None:
    constructor = derived({slot("stride"): (1, 2, 2), slot("kernel_size"): (1, 2, 2)})
    assert expressions(constructor)[slot("kernel_size")] == "stride"
    assert constructor.arguments["stride"] == (1, 2, 2)


def test_the_same_numbers_of_one_kind_are_one_argument() -> None:
    kernels = {slot("kernel_size", i): (3, 5, 3) for i in range(3)}
    constructor = derived(kernels)
    assert set(constructor.arguments) == {"channels", "kernel_size"}
    others = derived({**kernels, slot("kernel_size", 3): (5, 3, 3)})
    assert set(others.arguments) == {"channels", "kernel_size", "kernel_size2"}


def test_equal_numbers_of_two_kinds_are_two_arguments() -> None:
    """A dilation that happens to be as large as the stride does not follow from it."""
    constructor = derived({slot("stride"): (1, 2, 2), slot("dilation"): (1, 2, 2)})
    assert expressions(constructor)[slot("dilation")] == "dilation"


def test_what_a_use_lacks_may_be_any_number() -> None:
    place = slot("kernel_size", 1)
    assert expressions(derived({place: (2, LACKS, 2)})) == {
        WIDE: "channels",
        OUT: "channels",
    }
    constructor = derived({place: (2, LACKS, 3)})
    assert constructor.arguments["kernel_size"] == (2, 2, 3)


def test_new_channels_are_the_difference_also_where_all_that_widen_agree() -> None:
    widened = Slot((2,), "padding", (5,))
    constructor = derived({widened: (8, LACKS, 8)}, out=(32, 32, 56))
    assert expressions(constructor)[widened] == "out_channels - in_channels"


def test_channels_that_all_uses_share_follow_arguments_that_are_there() -> None:
    """32 is written as ``out_channels`` where that is an argument for another reason."""
    uses = [use(16, 32), use(32, 32)]
    slopes, widened = slot("num_parameters", 3), Slot((4,), "padding", (5,))
    table = [{WIDE: n, OUT: 32, slopes: 32} for n in (16, 32)]
    assert OUT not in expressions(derive_constructor(uses, table))
    table[0][widened] = 16
    constructor = derive_constructor(uses, table)
    assert expressions(constructor)[OUT] == expressions(constructor)[slopes] == "out_channels"
    assert constructor.arguments["out_channels"] == (32, 32)


def test_two_entries_have_channels_of_their_own() -> None:
    def merge(channels: int, skips: int) -> Block:
        block = use(channels, 8)
        block.inputs.append(image(skips))
        return block

    uses = [merge(16, 24), merge(32, 40)]
    lateral = slot("in_channels", 1)
    table = [{WIDE: 16, lateral: 24, OUT: 8}, {WIDE: 32, lateral: 40, OUT: 8}]
    constructor = derive_constructor(uses, table)
    assert constructor.arguments["skip_channels"] == (24, 40)
    assert expressions(constructor)[lateral] == "skip_channels"


@pytest.mark.parametrize(
    ("strides", "there", "condition"),
    [
        ((1, 2, 2), (False, True, True), "stride == 2"),
        ((1, 2, 2), (True, False, False), "stride == 1"),
        ((1, 2, 3), (False, True, True), "stride > 1"),
        ((1, 2, 2), (True, True, False), "pool"),
    ],
)
def test_a_step_is_there_at_some_strides(
    strides: tuple[int, ...], there: tuple[bool, ...], condition: str
) -> None:
    uses = [use(8, 8, optional(t)) for t in there]
    slots = [{slot("stride", 1): stride} for stride in strides]
    constructor = derive_constructor(uses, slots, {0: "pool"})
    assert conditions(constructor) == {0: condition}
    if condition == "pool":
        assert constructor.arguments["pool"] == there
        assert constructor.defaults["pool"] is False


NEW = "out_channels - in_channels"
CHANGES = {
    "where it grows": ((8, 12), (8, 8), "widen", NEW),
    "where it grows or shrinks": ((8, 12), (12, 8), "widen", f"{NEW} > 0"),
    "where it shrinks": ((12, 8), (8, 12), "narrow", f"{NEW} < 0"),
    "where it stays": ((8, 8), (8, 12), "shortcut", "in_channels == out_channels"),
}


@pytest.mark.parametrize(
    ("there", "lacking", "flag", "condition"), CHANGES.values(), ids=CHANGES.keys()
)
def test_a_step_is_there_for_some_channels(
    there: tuple[int, int], lacking: tuple[int, int], flag: str, condition: str
) -> None:
    pairs = [there, lacking, (16, 16) if flag != "shortcut" else (16, 20)]
    uses = [use(*p, optional(i == 0)) for i, p in enumerate(pairs)]
    slots = [{WIDE: a, OUT: b} for a, b in pairs]
    constructor = derive_constructor(uses, slots, {0: flag})
    assert conditions(constructor) == {0: condition}


def test_a_residual_is_there_where_shape_and_stride_stay() -> None:
    cases = [(8, 8, 1), (8, 8, 2), (8, 12, 1), (12, 12, 1)]
    there = [a == b and s == 1 for a, b, s in cases]
    uses = [use(a, b, optional(t)) for (a, b, _), t in zip(cases, there, strict=True)]
    slots = [{WIDE: a, OUT: b, slot("stride", 1): s} for a, b, s in cases]
    constructor = derive_constructor(uses, slots, {0: "shortcut"})
    assert conditions(constructor) == {0: "stride == 1 and in_channels == out_channels"}


def test_steps_that_are_there_together_share_a_flag() -> None:
    there = (True, False, False)
    uses = [use(8, 8, optional(t), optional(t)) for t in there]
    constructor = derive_constructor(uses, [{}] * 3, {0: "pool", 1: "pad"})
    assert conditions(constructor) == {0: "pool", 1: "pool"}
    assert constructor.arguments == {"pool": there}


def test_what_most_uses_have_is_the_default() -> None:
    constructor = derived({slot("kernel_size"): (3, 3, 5), slot("stride"): (2, 2, 1)})
    assert constructor.defaults == {"kernel_size": 3, "stride": 1}
    assert "channels" not in constructor.defaults
    assert derived({slot("kernel_size"): (3, 4, 5)}).defaults == {}
    assert derived({slot("stride"): (2, 3, 2)}).defaults == {"stride": 2}


def test_arguments_with_a_default_stand_last() -> None:
    constructor = derived({slot("kernel_size"): (3, 3, 5), slot("out_channels", 1): (7, 8, 9)})
    assert list(constructor.arguments) == ["channels", "hidden", "kernel_size"]


def test_an_argument_that_nothing_follows_from_is_none() -> None:
    """Channels enter, but no number of the class counts them."""
    uses = [use(8, 16), use(8, 24)]
    table = [{OUT: 16}, {OUT: 24}]
    assert derive_constructor(uses, table).arguments == {"out_channels": (16, 24)}
