"""Pairs the units of two networks by their place in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tflite2torch.parity.align.foreign.network import Unit

ROUNDS = 64
"""The farthest units that tell where one is. Differences closer than that make a place unlike any
in the other network; it is then told by what is nearer."""


@dataclass
class Matching:
    """Pairs of units.

    Attributes:
        pairs: units of the one network by those of the other.
        ties: pairs that the place in the network did not tell, each with what did: ``weights``,
            ``size``, ``name`` or ``order``.
    """

    pairs: dict[Unit, Unit] = field(default_factory=dict)
    ties: dict[Unit, str] = field(default_factory=dict)


def match(ours: Sequence[Unit], theirs: Sequence[Unit]) -> Matching:
    """Pair units of two networks.

    Colours are refined as in the Weisfeiler-Leman test: a unit's colour at distance n is made of
    those at distance n - 1 of the unit and of its neighbours. Where a colour has one unit on
    either side, the two are a pair. It is looked for from the largest distance down, so that a
    pair rests on as much of the network as is alike, and pairs are where the next search starts:
    what differs between the networks stays unpaired, and what is around it does not. Units that
    nothing tells apart are paired by their weights, where these are equal, by the size of their
    results, by their names, and by their order, and ``ties`` has them.
    """
    found = Matching()
    while True:
        left = [unit for unit in ours if unit not in found.pairs]
        taken = set(found.pairs.values())
        right = [unit for unit in theirs if unit not in taken]
        colours = _refined(ours, theirs, found.pairs)
        for distance in reversed(range(len(colours))):
            groups = _groups(left, right, colours[distance])
            single = [
                (a[0], b[0])
                for a, b in groups
                if len(a) == len(b) == 1 and (distance or _adjoining(a[0], b[0], found))
            ]
            if single:
                found.pairs.update(single)
                break
        else:
            if not _break_a_tie(left, right, colours[-1], found):
                return found


def _refined(
    ours: Sequence[Unit], theirs: Sequence[Unit], pairs: dict[Unit, Unit]
) -> list[dict[Unit, int]]:
    """Return the colours at each distance, until no further one tells more units apart."""
    numbers: dict[object, int] = {}
    units = [*ours, *theirs]
    partner = {theirs: index for index, theirs in enumerate(pairs.values())}
    partner |= {ours: index for index, ours in enumerate(pairs)}
    colour = {
        unit: numbers.setdefault(
            ("pair", partner[unit]) if unit in partner else unit.signature, len(numbers)
        )
        for unit in units
    }
    found = [colour]
    for _ in range(ROUNDS):
        finer = {
            unit: colour[unit]
            if unit in partner
            else numbers.setdefault(
                (
                    colour[unit],
                    tuple(_ordered(unit, colour)),
                    tuple(sorted(colour[other] for other in unit.outputs)),
                ),
                len(numbers),
            )
            for unit in units
        }
        if len(set(finer.values())) == len(set(colour.values())):
            break
        colour = finer
        found.append(colour)
    return found


def _ordered(unit: Unit, colour: dict[Unit, int]) -> Iterable[int]:
    """Return the colours of the inputs; their order counts where operands do not commute."""
    inputs = [colour[other] for other in unit.inputs]
    return inputs if unit.signature[0] in ("cat", "sub", "div", "matmul") else sorted(inputs)


def _groups(
    left: Sequence[Unit], right: Sequence[Unit], colour: dict[Unit, int]
) -> list[tuple[list[Unit], list[Unit]]]:
    """Return the units of each colour that is on both sides."""
    sides: dict[int, tuple[list[Unit], list[Unit]]] = defaultdict(lambda: ([], []))
    for side, units in enumerate((left, right)):
        for unit in units:
            sides[colour[unit]][side].append(unit)
    return [group for group in sides.values() if all(group)]


def _adjoining(one: Unit, other: Unit, found: Matching) -> bool:
    """Return whether a unit before or behind one is paired with one before or behind the other."""
    before = {found.pairs.get(unit) for unit in one.inputs} & set(other.inputs)
    behind = {found.pairs.get(unit) for unit in one.outputs} & set(other.outputs)
    return bool(before | behind)


def _break_a_tie(
    left: Sequence[Unit], right: Sequence[Unit], colour: dict[Unit, int], found: Matching
) -> bool:
    """Pair units that look alike; return whether there were some, as many on either side."""
    ways: dict[str, Callable[[Unit], object]] = {
        "weights": lambda unit: unit.weights,
        "size": lambda unit: unit.size,
        "name": lambda unit: unit.name.rpartition(".")[2],
    }
    groups = [(a, b) for a, b in _groups(left, right, colour) if len(a) == len(b)]
    # Of outputs the order means something: heads of one shape follow from it.
    groups.sort(key=lambda group: group[0][0].signature != ("output",))
    for way, key in ways.items():
        for some, others in groups:
            keys = [[key(unit) for unit in side] for side in (some, others)]
            for value in filter(None, dict.fromkeys(keys[0])):
                if keys[0].count(value) == keys[1].count(value) == 1:
                    one, other = some[keys[0].index(value)], others[keys[1].index(value)]
                    found.pairs[one] = other
                    found.ties[one] = way
                    return True
    for some, others in groups:
        found.pairs[some[0]] = others[0]
        found.ties[some[0]] = "order"
        return True
    return False
