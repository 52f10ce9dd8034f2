"""Derives constructor arguments from the numbers in which uses of a class differ.

Every number that differs between uses is compared with a list of expressions over the
arguments found so far, the plainest first. The class computes the number by the first
expression that is right in every use; if there is none, the number becomes an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.names import Namespace
from tflite2torch.converter.planning.constructor import (
    CHANNELS,
    NEW_CHANNELS,
    Constructor,
    Slot,
    role_of,
)
from tflite2torch.converter.planning.expression import (
    Expression,
    Formula,
    Name,
    evaluate,
    names_in,
)
from tflite2torch.converter.structure.structure import Block, Skipped

Numbers = tuple[int | None, ...]
"""One number of a class in each of its uses; None where a use lacks the step."""

CHANNEL_FLAGS = frozenset({"narrow", "shortcut", "widen"})
"""Flags of steps whose presence more often depends on channels than on strides."""

SIZES = frozenset({"index", "points", "rows", "shape"})
"""Roles of numbers that may count channels, or something else."""

RATIOS = (
    ("out_channels", "reduction"),
    ("channels", "reduction"),
    ("in_channels", "expansion"),
    ("channels", "expansion"),
)
"""Pairs of (channel argument, name of its ratio to hidden channels)."""

SAME_CHANNELS = Formula("==", (Name("in_channels"), Name("out_channels")))
RESIDUAL = Formula("and", (Formula("==", (Name("stride"), 1)), SAME_CHANNELS))


def derive_constructor(
    uses: Sequence[Block],
    slots: Sequence[Mapping[Slot, int]],
    steps: Mapping[int, str] | None = None,
) -> Constructor:
    """Return arguments from which all numbers can be computed that differ between uses.

    Args:
        uses: the uses of a class.
        slots: for each use, the number in each slot; none for steps that the use lacks.
        steps: for each step that some uses lack, by its position, the name of a flag for it.
    """
    known = dict.fromkeys(slot for use in slots for slot in use)
    ordered = sorted(known, key=lambda slot: slot.part[0])
    table = {slot: tuple(use.get(slot) for use in slots) for slot in ordered}
    varying = {slot: n for slot, n in table.items() if _varies(slot, n)}
    derivation = _Derivation(uses, table)
    derivation.add_channels(set(varying.values()))
    # Kernels may follow from strides, padding from both and from the flags of steps.
    order = {"stride": 0, "kernel_size": 1, "padding": 3}
    for slot in sorted(varying, key=lambda slot: order.get(slot.role, 2)):
        if slot.role != "padding":
            derivation.add(slot, varying[slot])
    for place, flag in (steps or {}).items():
        there = tuple(not isinstance(use.body[place], Skipped) for use in uses)
        derivation.add_condition(place, there, flag)
    for slot in varying:
        if slot.role == "padding":
            derivation.add(slot, varying[slot])
    return derivation.constructor()


def _varies(slot: Slot, numbers: Numbers) -> bool:
    """Return whether a number differs between the uses that have it."""
    # A use without the step that widens a shortcut adds 0 channels: a number like any other.
    adds = slot.role == "new_channels" and None in numbers and any(numbers)
    return adds or len({*numbers} - {None}) > 1


class _Derivation:
    """The arguments of one class as they are found, one number after the other."""

    def __init__(self, uses: Sequence[Block], table: Mapping[Slot, Numbers]) -> None:
        self._uses = uses
        self._table = table
        self._names = Namespace(["self"])
        self._arguments: dict[str, tuple[int, ...]] = {}
        self._of_use: list[dict[str, int]] = [{} for _ in uses]  # the same, use by use
        self._ratios: list[Expression] = []
        self._expressions: dict[Slot, Expression] = {}
        self._conditions: dict[int, Expression] = {}

    def constructor(self) -> Constructor:
        """Return the constructor: channels first, arguments with a default last."""
        self._share_constant_channels()
        # add_channels made arguments of all channels; those that nothing reads are dropped.
        used = self._used()
        arguments = {n: v for n, v in self._arguments.items() if n in used}
        found = {name: _default(name, values) for name, values in arguments.items()}
        defaults = {name: value for name, value in found.items() if value is not None}
        order = sorted(arguments, key=lambda n: (n in defaults, role_of(n) not in CHANNELS))
        return Constructor(
            self._uses,
            {name: arguments[name] for name in order},
            defaults,
            self._expressions,
            self._conditions,
        )

    def _used(self) -> set[str]:
        """Return the arguments that expressions and conditions read."""
        expressions = [*self._expressions.values(), *self._conditions.values()]
        return {name for expression in expressions for name in names_in(expression)}

    def _share_constant_channels(self) -> None:
        """Write constant channels as the argument that has the same constant value, if any."""
        used = self._used()
        for slot, numbers in self._table.items():
            for name in ("in_channels", "out_channels"):
                shared = numbers == self._arguments.get(name) and len(set(numbers)) == 1
                if shared and name in used and slot.role in CHANNELS:
                    self._expressions.setdefault(slot, Name(name))

    def add_channels(self, varying: set[Numbers]) -> None:
        """Make arguments of input and output channels that appear as numbers of layers."""
        before = [tuple(map(_channels, use.inputs)) for use in self._uses]
        after = tuple(_channels(use.outputs[0]) for use in self._uses)
        entering = list(zip(*before, strict=True))  # for each input, use by use
        wanted = {"in_channels": entering[0], "out_channels": after}
        if entering[0] == after:
            wanted = {"channels": after}
        if len(entering) > 1:
            wanted["skip_channels"] = entering[1]
        counted = {n for slot, n in self._table.items() if slot.role in CHANNELS}
        # Channels that all uses share become an argument only if other channels vary.
        vary = not varying.isdisjoint([entering[0], after])
        for name, numbers in wanted.items():
            if numbers in counted and (vary or len(set(numbers)) > 1):
                self._argument(name, numbers)

    def add(self, slot: Slot, numbers: Numbers) -> None:
        """Find an expression for a number, or make it an argument."""
        found = self._first(self._candidates(slot.role, numbers), numbers)
        if found is None and slot.role in CHANNELS:
            found = self._ratio(numbers)
        if found is None:
            # In uses that lack the step, any number will do.
            present = next(n for n in numbers if n is not None)
            filled = tuple(present if n is None else n for n in numbers)
            found = self._argument(self._wanted(slot), filled)
        self._expressions[slot] = found

    def add_condition(self, place: int, there: tuple[bool, ...], flag: str) -> None:
        """Find a condition for running a step, or make a flag of it."""
        tests: list[Expression] = [*self._stride_tests(), *self._channel_tests()]
        if flag in CHANNEL_FLAGS:
            tests = [*self._channel_tests(), *self._stride_tests()]
        tests += [Name(n) for n, v in self._arguments.items() if isinstance(v[0], bool)]
        fitting = (test for test in tests if tuple(map(bool, self._values(test))) == there)
        condition = next(fitting, None)
        self._conditions[place] = condition or self._argument(flag, there)

    def _values(self, expression: Expression) -> list[int]:
        """Return the value of an expression in each use."""
        return [evaluate(expression, arguments) for arguments in self._of_use]

    def _first(self, candidates: Iterable[Expression], numbers: Numbers) -> Expression | None:
        """Return the first expression with these values; None if there is none."""
        for expression in candidates:
            pairs = zip(numbers, self._values(expression), strict=True)
            if all(number is None or number == value for number, value in pairs):
                return expression
        return None

    def _argument(self, wanted: str, numbers: tuple[int, ...]) -> Name:
        name = self._names.unique(wanted)
        self._arguments[name] = numbers
        for arguments, number in zip(self._of_use, numbers, strict=True):
            arguments[name] = number
        return Name(name)

    def _wanted(self, slot: Slot) -> str:
        """Return the name for a new argument."""
        if slot.role not in CHANNELS:
            return slot.role
        # The last layer's channels leave the class; those of layers before it are hidden.
        wide = [s for s in self._table if s.role in ("out_channels", "out_features")]
        last = wide and slot == wide[-1] and "out_channels" not in self._arguments
        return "out_channels" if last else "hidden"

    def _of_role(self, role: str) -> list[Name]:
        return [Name(name) for name in self._arguments if role_of(name) == role]

    def _candidates(self, role: str, numbers: Numbers) -> Iterator[Expression]:
        """Yield expressions to try for a number of this role, the plainest first."""
        if role == "new_channels" and self._has_both_channels():
            yield NEW_CHANNELS
        if role in CHANNELS | SIZES or role == "new_channels":
            yield from self._multiples(numbers)
        if role == "padding":
            yield from self._halves()
            yield from self._cases(numbers)
        elif role == "kernel_size":
            yield from self._of_role("stride")  # windows that tile the image
        if role not in CHANNELS and role not in ("padding", "new_channels"):
            yield from self._of_role(role)

    def _multiples(self, numbers: Numbers) -> Iterator[Expression]:
        """Yield channels, and the multiples and fractions of them that are right in one use."""
        counts = [name for name in self._arguments if role_of(name) in CHANNELS]
        yield from map(Name, counts)
        yield from self._ratios
        # One use determines the factor; the caller checks whether it is right in all.
        place = next(i for i, number in enumerate(numbers) if number is not None)
        for name in counts:
            small, large = sorted([numbers[place] or 0, self._arguments[name][place]])
            if small > 0:
                yield Formula("*", (large // small, Name(name)))
                yield Formula("//", (Name(name), large // small))

    def _halves(self) -> Iterator[Formula]:
        """Yield padding from the kernel size.

        ``k // 2`` keeps a size at stride 1 (odd k); ``k // 2 - 1`` halves it at stride 2 (even k).
        """
        halves = [Formula("//", (k, 2)) for k in self._of_role("kernel_size")]
        yield from halves
        yield from (Formula("-", (half, 1)) for half in halves)

    def _cases(self, numbers: Numbers) -> Iterator[Formula]:
        """Yield conditional expressions: one value for one of two strides, or if a flag is set.

        Each branch is one number, or padding computed from the kernel.
        """
        for name, cases in self._arguments.items():
            flag = isinstance(cases[0], bool)
            if len(set(cases)) != 2 or not (flag or name.startswith("stride")):
                continue
            low, high = sorted(set(cases))
            sides: list[Expression] = []
            for case in (low, high):
                pairs = zip(numbers, cases, strict=True)
                chosen = tuple(n if c == case else None for n, c in pairs)
                known = {n for n in chosen if n is not None}
                constants = [next(iter(known), 0)] if len(known) < 2 else []
                sides.append(self._first([*constants, *self._halves()], chosen))
            if None in sides:
                continue
            if flag:
                yield Formula("if", (Name(name), sides[1], sides[0]))
            else:
                yield Formula("if", (Formula("==", (Name(name), low)), *sides))

    def _ratio(self, numbers: Numbers) -> Formula | None:
        """Make the ratio of channels to known ones an argument, if it has fewer values.

        Hidden channels of 96, 144 and 96 beside 16, 24 and 32 read better as expansions of 6,
        6 and 3. A ratio that differs in each use is no better than the channels themselves.
        """
        # A use that lacks the step has no ratio.
        counts = tuple(n for n in numbers if n is not None)
        for known, wanted in RATIOS:
            widths = self._arguments.get(known)
            if widths is None or len(counts) < len(widths) or 0 in (*counts, *widths):
                continue
            expands = wanted == "expansion"
            large, small = (counts, widths) if expands else (widths, counts)
            pairs = list(zip(large, small, strict=True))
            ratios = tuple(a // b for a, b in pairs)
            if all(a % b == 0 for a, b in pairs) and len({*ratios}) < len({*counts}):
                ratio, width = self._argument(wanted, ratios), Name(known)
                formula = Formula("//", (width, ratio))
                if expands:
                    formula = Formula("*", (ratio, width))
                self._ratios.append(formula)
                return formula
        return None

    def _stride_tests(self) -> Iterator[Formula]:
        for name, numbers in self._arguments.items():
            if name.startswith("stride"):
                for value in sorted(set(numbers), reverse=True):
                    yield Formula("==", (Name(name), value))
                yield Formula(">", (Name(name), 1))

    def _channel_tests(self) -> Iterator[Formula]:
        if self._has_both_channels():
            if "stride" in self._arguments:
                yield RESIDUAL
            yield SAME_CHANNELS
            yield NEW_CHANNELS
            yield Formula(">", (NEW_CHANNELS, 0))
            yield Formula("<", (NEW_CHANNELS, 0))

    def _has_both_channels(self) -> bool:
        return {"in_channels", "out_channels"} <= self._arguments.keys()


def _channels(value: Value) -> int:
    """Return the number of channels; 0 for a single number."""
    return value.shape[value.channel_axis] if value.shape else 0


def _default(name: str, numbers: tuple[int, ...]) -> int | None:
    """Return the default value of an argument; None if it has none."""
    if role_of(name) in CHANNELS:
        return None
    if isinstance(numbers[0], bool):
        return False
    if name.startswith("stride") and 1 in numbers:
        return 1
    (value, count), *_ = Counter(numbers).most_common()
    return value if 2 * count > len(numbers) and count > 1 else None
