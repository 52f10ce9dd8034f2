"""The arguments of a class's constructor, and how its numbers follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tflite2torch.converter.graph.node import Literal
from tflite2torch.converter.planning.expression import Expression, Formula, Name
from tflite2torch.converter.structure.structure import Block

CHANNELS = frozenset(
    """
    channels groups hidden in_channels in_features normalized_shape num_parameters
    out_channels out_features skip_channels
    """.split()
)
"""Roles of numbers that count channels."""

NEW_CHANNELS = Formula("-", (Name("out_channels"), Name("in_channels")))
"""How many channels a class adds to those that enter."""


def role_of(argument: str) -> str:
    """Return an argument's name without its number: ``stride2`` → ``stride``."""
    return argument.rstrip("0123456789")


Path = tuple[int, ...]
"""Indices, from the outside in."""


class Slot(NamedTuple):
    """A place for a number in a class.

    Attributes:
        part: the position of a node among the class's nodes; for a constant operand, or a
            block of a stage, also its own position there.
        argument: the argument of the part's code that holds the number.
        path: indices into that argument where it is a tuple; 0 to 2 for a slice's ends.
    """

    part: Path
    argument: str
    path: Path = ()

    @property
    def role(self) -> str:
        """What the number means: the argument's name, or ``new_channels``."""
        if self.argument == "padding" and self.path[:1] > (3,):
            return "new_channels"  # F.pad counts axes from the last: width, height, channels
        return role_of(self.argument)


@dataclass
class Constructor:
    """The arguments of a class's constructor, and the numbers that follow from them.

    Attributes:
        uses: the uses of the class.
        arguments: the value in each use, by name.
        defaults: values of arguments that need not be given.
        expressions: for each number that differs between uses, what gives it.
        conditions: for each optional step, by its position, when it is carried out.
    """

    uses: Sequence[Block] = ()
    arguments: dict[str, tuple[int, ...]] = field(default_factory=dict)
    defaults: dict[str, int] = field(default_factory=dict)
    expressions: dict[Slot, Expression] = field(default_factory=dict)
    conditions: dict[int, Expression] = field(default_factory=dict)

    def values_of(self, use: Block) -> dict[str, Literal]:
        """Return what one use gives for each argument."""
        position = next(i for i, block in enumerate(self.uses) if block is use)
        return {name: numbers[position] for name, numbers in self.arguments.items()}
