"""The arguments of a class's constructor, and the numbers computed from them."""

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
"""Output channels minus input channels."""


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
        defaults: the default values of arguments that have one.
        expressions: for each number that differs between uses, the expression for it.
        conditions: for each optional step, by its position, the condition for running it.
    """

    uses: Sequence[Block] = ()
    arguments: dict[str, tuple[int, ...]] = field(default_factory=dict)
    defaults: dict[str, int] = field(default_factory=dict)
    expressions: dict[Slot, Expression] = field(default_factory=dict)
    conditions: dict[int, Expression] = field(default_factory=dict)

    def values_of(self, use: Block) -> dict[str, Literal]:
        """Return the value of each argument in one use."""
        position = next(i for i, block in enumerate(self.uses) if block is use)
        return {name: numbers[position] for name, numbers in self.arguments.items()}
