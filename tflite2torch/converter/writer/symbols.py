"""The arguments of a class's constructor, and how its numbers follow from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tflite2torch.converter.graph.node import Literal
from tflite2torch.converter.structure.structure import Block

CHANNELS = frozenset(
    """
    channels groups hidden in_channels in_features normalized_shape num_parameters
    out_channels out_features skip_channels
    """.split()
)
"""Roles of numbers that count channels."""

NEW_CHANNELS = "out_channels - in_channels"
"""What a class is given to add to a shortcut, as an expression."""


def role_of(argument: str) -> str:
    """Return what kind of number an argument gives: its name, but for what tells it apart."""
    return re.sub(r"\d*(_\d+)?$", "", argument)


class Slot(NamedTuple):
    """Where a number stands: in which part of a class, in which argument, where in that.

    A part is the position of a node among the class's, and for a constant that the node
    reads, also the position of that.
    """

    part: tuple[int, ...]
    argument: str
    path: tuple[int, ...] = ()

    @property
    def role(self) -> str:
        """What kind of number it is; the argument's name but for the numbers in that."""
        if self.argument == "padding" and self.path[:1] > (3,):
            return "new_channels"  # F.pad counts axes from the last: width, height, channels
        return role_of(self.argument)


class Condition(NamedTuple):
    """When a step is carried out: if an expression over the arguments is, or is so."""

    expression: str
    comparison: str = ""


@dataclass
class Symbols:
    """A constructor's arguments, and what follows from them.

    Attributes:
        uses: the uses of the class.
        arguments: for each argument, its value in each use.
        defaults: what most of those are that need not be given.
        expressions: for each number that differs between uses, how it follows.
        conditions: for each step that some uses lack, by its position, when it is there.
    """

    uses: Sequence[Block] = ()
    arguments: dict[str, tuple[int, ...]] = field(default_factory=dict)
    defaults: dict[str, int] = field(default_factory=dict)
    expressions: dict[Slot, str] = field(default_factory=dict)
    conditions: dict[int, Condition] = field(default_factory=dict)

    def values_of(self, use: Block) -> dict[str, Literal]:
        """Return what one use gives for each argument."""
        position = next(i for i, block in enumerate(self.uses) if block is use)
        return {name: numbers[position] for name, numbers in self.arguments.items()}
