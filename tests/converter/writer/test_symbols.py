"""What the uses of a class differ in becomes its constructor's arguments."""

from __future__ import annotations

import pytest

from converter.graph import N, Value
from converter.passes.blocks import Block
from converter.writer.symbols import Slot, derive_symbols


def use(channels_in: int, channels_out: int) -> Block:
    x = Value("x", (N, channels_in, 8, 8), "float32")
    y = Value("y", (N, channels_out, 8, 8), "float32")
    return Block([x], [y], [])


def slot(argument: str, place: int = 0, *path: int) -> Slot:
    return Slot((place,), argument, path)


def test_what_all_uses_share_is_no_argument() -> None:
    uses = [use(8, 8), use(8, 8)]
    symbols = derive_symbols(uses, [{slot("kernel_size"): 3}] * 2)
    assert symbols.arguments == {}
    assert symbols.expressions == {}


def test_channels_are_the_arguments() -> None:
    uses = [use(24, 28), use(28, 32)]
    wide, out = slot("in_channels"), slot("out_channels")
    symbols = derive_symbols(uses, [{wide: 24, out: 28}, {wide: 28, out: 32}])
    assert symbols.arguments == {"in_channels": (24, 28), "out_channels": (28, 32)}
    assert symbols.expressions == {wide: "in_channels", out: "out_channels"}
    assert symbols.values_of(uses[1]) == {"in_channels": 28, "out_channels": 32}


def test_channels_that_stay_are_one_argument() -> None:
    uses = [use(24, 24), use(28, 28)]
    wide, groups = slot("in_channels"), slot("groups")
    symbols = derive_symbols(uses, [{wide: 24, groups: 24}, {wide: 28, groups: 28}])
    assert symbols.arguments == {"channels": (24, 28)}
    assert symbols.expressions[groups] == "channels"


@pytest.mark.parametrize(
    ("numbers", "expression"),
    [
        ((48, 64), "2 * channels"),
        ((12, 16), "channels // 2"),
        ((8, 32), "hidden_channels"),
    ],
)
def test_a_multiple_is_written_as_one(
    numbers: tuple[int, int], expression: str
) -> None:
    uses = [use(24, 24), use(32, 32)]
    wide, hidden = slot("in_channels"), slot("out_channels")
    table = [{wide: n, hidden: h} for n, h in zip((24, 32), numbers, strict=True)]
    assert derive_symbols(uses, table).expressions[hidden] == expression


def test_padding_is_what_lacks_between_two_sizes() -> None:
    """Even where the difference happens to equal one of them in every use."""
    uses = [use(24, 48), use(28, 56)]
    wide, out = slot("in_channels"), slot("out_channels", 1)
    padding = slot("padding", 2, 5)
    table = [
        {wide: 24, out: 48, padding: 24},
        {wide: 28, out: 56, padding: 28},
    ]
    symbols = derive_symbols(uses, table)
    assert symbols.expressions[padding] == "out_channels - in_channels"


def test_a_number_that_follows_from_nothing_is_an_argument_of_its_own_name() -> None:
    uses = [use(24, 24), use(24, 24), use(24, 24)]
    kernel = slot("kernel_size")
    symbols = derive_symbols(uses, [{kernel: n} for n in (3, 5, 4)])
    assert symbols.arguments == {"kernel_size": (3, 5, 4)}
    assert symbols.values_of(uses[2]) == {"kernel_size": 4}
