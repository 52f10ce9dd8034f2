"""What the uses of a class differ in becomes its constructor's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from converter.graph import Literal
from converter.passes.blocks import Block
from converter.writer.names import Namespace

Numbers = tuple[int, ...]
"""What one number of a class is in each of its uses."""


class Slot(NamedTuple):
    """Where a number stands: in which part of a class, in which argument, where in that.

    A part is the position of a node among the class's, and for a constant that the node
    reads, also the position of that.
    """

    part: tuple[int, ...]
    argument: str
    path: tuple[int, ...] = ()


@dataclass
class Symbols:
    """A constructor's arguments, and the numbers that follow from them.

    Attributes:
        arguments: for each argument, its value in each use.
        expressions: for each number that differs between uses, how it follows.
    """

    uses: Sequence[Block] = ()
    arguments: dict[str, Numbers] = field(default_factory=dict)
    expressions: dict[Slot, str] = field(default_factory=dict)

    def values_of(self, use: Block) -> dict[str, Literal]:
        """Return what one use gives for each argument."""
        position = next(i for i, block in enumerate(self.uses) if block is use)
        return {name: numbers[position] for name, numbers in self.arguments.items()}


def derive_symbols(uses: Sequence[Block], slots: Sequence[dict[Slot, int]]) -> Symbols:
    """Find the fewest arguments from which all differing numbers follow.

    ``slots`` gives, for each use, the number in each place. Channels that enter and leave
    come first; a number that is a difference or a multiple of what is known is written so.
    """
    table = {slot: tuple(use[slot] for use in slots) for slot in slots[0]}
    varying = {slot: n for slot, n in table.items() if len(set(n)) > 1}
    symbols = Symbols(uses)
    named = Namespace(["self"])
    for wanted, numbers in _channels(uses):
        if numbers in varying.values():
            symbols.arguments[named.unique(wanted)] = numbers
    for slot, numbers in sorted(varying.items(), key=_precedence):
        expression = _follows(numbers, symbols.arguments, slot.argument == "padding")
        if expression is None:
            expression = named.unique(_argument_name(slot))
            symbols.arguments[expression] = numbers
        symbols.expressions[slot] = expression
    return symbols


def _precedence(item: tuple[Slot, Numbers]) -> int:
    """Sizes of kernels come first: padding follows from them, not they from it."""
    return 0 if item[0].argument == "kernel_size" else 1


def _channels(uses: Sequence[Block]) -> Iterator[tuple[str, Numbers]]:
    before = tuple(_width(use.inputs[0].shape) for use in uses)
    after = tuple(_width(use.outputs[0].shape) for use in uses)
    if before == after:
        yield "channels", before
    else:
        yield "in_channels", before
        yield "out_channels", after


def _width(shape: tuple[int, ...]) -> int:
    """Return the channels: axis 1 of an image (NCHW), the last axis of anything else."""
    return shape[1] if len(shape) == 4 else shape[-1]


def _argument_name(slot: Slot) -> str:
    if slot.argument in ("in_channels", "out_channels", "num_parameters", "groups"):
        return "hidden_channels"
    return slot.argument


def _follows(
    numbers: Numbers, known: dict[str, Numbers], difference_first: bool
) -> str | None:
    """Return an expression over known arguments that gives these numbers, if there is one.

    Padding is what lacks between two sizes, even where it happens to equal one of them.
    """
    if difference_first:
        difference = _difference(numbers, known)
        if difference is not None:
            return difference
    for name, other in known.items():
        if numbers == other:
            return name
    for name, other in known.items():
        ratio = _ratio(numbers, other)
        if ratio is not None:
            return f"{ratio} * {name}"
        ratio = _ratio(other, numbers)
        if ratio is not None:
            return f"{name} // {ratio}"
        if all(a == b // 2 for a, b in zip(numbers, other, strict=True)):
            return f"{name} // 2"
        if all(a == b // 2 - 1 for a, b in zip(numbers, other, strict=True)):
            return f"{name} // 2 - 1"
    return _difference(numbers, known)


def _difference(numbers: Numbers, known: dict[str, Numbers]) -> str | None:
    for name, other in known.items():
        for less, smaller in known.items():
            if all(a == b - c for a, b, c in zip(numbers, other, smaller, strict=True)):
                return f"{name} - {less}"
    return None


def _ratio(larger: Numbers, smaller: Numbers) -> int | None:
    if 0 in smaller or larger[0] % smaller[0]:
        return None
    ratio = larger[0] // smaller[0]
    pairs = zip(larger, smaller, strict=True)
    return ratio if all(a == ratio * b for a, b in pairs) else None
