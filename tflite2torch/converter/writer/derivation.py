"""What the uses of a class differ in becomes its constructor's arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tflite2torch.converter.graph.value import TO_NCHW, Value
from tflite2torch.converter.naming.names import Namespace
from tflite2torch.converter.structure.structure import Block, Skipped
from tflite2torch.converter.writer.symbols import (
    CHANNELS,
    NEW_CHANNELS,
    Condition,
    Slot,
    Symbols,
    role_of,
)

Numbers = tuple[int | None, ...]
"""What one number of a class is in each of its uses; None where a use lacks the step."""

CHANNEL_FLAGS = frozenset({"narrow", "shortcut", "widen"})
"""Steps that rather depend on channels than on strides."""

RATIOS = (
    ("out_channels", "reduction", "{0} // {1}"),
    ("channels", "reduction", "{0} // {1}"),
    ("in_channels", "expansion", "{1} * {0}"),
    ("channels", "expansion", "{1} * {0}"),
)
"""How hidden channels are said in relation to others, and what the ratio is called."""

RESIDUAL = "stride == 1 and in_channels == out_channels"


def derive_symbols(
    uses: Sequence[Block],
    slots: Sequence[Mapping[Slot, int]],
    steps: Mapping[int, str] | None = None,
) -> Symbols:
    """Find the fewest arguments from which all differing numbers follow.

    Args:
        uses: the uses of a class.
        slots: for each use, the number in each place.
        steps: for each step that some uses lack, by its position, what a flag for it is
            called; those uses have no numbers for it.

    Channels that enter and leave come first; a number that is a difference or a multiple of
    what is known is written so.
    """
    present = _present(steps or {}, uses)
    table = _table(slots)
    varying = {
        slot: numbers
        for slot, numbers in table.items()
        if len({*numbers} - {None}) > 1
        or (slot.role == "new_channels" and None in numbers and any(numbers))
    }
    derivation = _Derivation(uses, table, varying)
    derivation.add_channels()
    for slot in sorted(varying, key=_precedence):
        if _precedence(slot) < PADDING:
            derivation.add(slot)
    for place, there in present.items():
        derivation.add_condition(place, there, (steps or {})[place])
    for slot in varying:
        if _precedence(slot) == PADDING:
            derivation.add(slot)
    return derivation.symbols()


def _present(
    steps: Mapping[int, str], uses: Sequence[Block]
) -> dict[int, tuple[bool, ...]]:
    return {
        place: tuple(not isinstance(use.body[place], Skipped) for use in uses)
        for place in steps
    }


def _table(slots: Sequence[Mapping[Slot, int]]) -> dict[Slot, Numbers]:
    order = dict.fromkeys(slot for use in slots for slot in use)
    ordered = sorted(order, key=lambda slot: slot.part[0])
    return {slot: tuple(use.get(slot) for use in slots) for slot in ordered}


PADDING = 3


def _precedence(slot: Slot) -> int:
    """Strides come first, then sizes of kernels: padding follows from these, and from flags."""
    order = {"stride": 0, "kernel_size": 1, "padding": PADDING}
    return order.get(slot.role, 2)


class _Derivation:
    """Arguments as they are found, one number of the class after the other."""

    def __init__(
        self,
        uses: Sequence[Block],
        table: Mapping[Slot, Numbers],
        varying: Mapping[Slot, Numbers],
    ) -> None:
        self._uses = uses
        self._table = table
        self._varying = varying
        self._named = Namespace(["self"])
        self._arguments: dict[str, tuple[int, ...]] = {}
        self._ratios: dict[str, tuple[int, ...]] = {}
        self._expressions: dict[Slot, str] = {}
        self._conditions: dict[int, Condition] = {}

    def symbols(self) -> Symbols:
        """Return what was found: channels first, arguments with a default last."""
        self._follow_constant_channels()
        used = self._used()
        arguments = {n: v for n, v in self._arguments.items() if n in used}
        defaults = {
            name: default
            for name, numbers in arguments.items()
            if (default := _default(name, numbers)) is not None
        }
        ordered = sorted(
            arguments.items(),
            key=lambda item: (item[0] in defaults, role_of(item[0]) not in CHANNELS),
        )
        return Symbols(
            self._uses, dict(ordered), defaults, self._expressions, self._conditions
        )

    def _used(self) -> set[str]:
        """Return the names that expressions and conditions hold."""
        texts = [*self._expressions.values()]
        texts += [condition.expression for condition in self._conditions.values()]
        return {name for text in texts for name in re.findall(r"\w+", text)}

    def _follow_constant_channels(self) -> None:
        """Write channels as arguments that are there anyway, though all uses share them."""
        used = self._used()
        for slot, numbers in self._table.items():
            for name in ("in_channels", "out_channels"):
                known = self._arguments.get(name)
                shared = known is not None and len(set(known)) == 1 and numbers == known
                if name in used and shared and slot.role in CHANNELS:
                    self._expressions.setdefault(slot, name)

    def add_channels(self) -> None:
        """Make arguments of the channels that enter and leave, if a number counts them."""
        before = [tuple(map(_width, use.inputs)) for use in self._uses]
        after = tuple(_width(use.outputs[0]) for use in self._uses)
        entering = list(zip(*before, strict=True))
        wanted = {"in_channels": entering[0], "out_channels": after}
        if entering[0] == after:
            wanted = {"channels": after}
        if len(entering) > 1:
            wanted["skip_channels"] = entering[1]
        counted = {n for s, n in self._table.items() if s.role in CHANNELS}
        vary = any(n in self._varying.values() for n in (entering[0], after))
        for name, numbers in wanted.items():
            if numbers in counted and (vary or len(set(numbers)) > 1):
                self._argument(name, numbers)

    def add(self, slot: Slot) -> None:
        """Find how a number follows, or make an argument of it."""
        numbers = self._varying[slot]
        expression = self._follows(slot.role, numbers)
        if expression is None and slot.role in CHANNELS:
            expression = self._ratio_argument(numbers)
        if expression is None:
            wanted = self._wanted(slot)
            present = next(n for n in numbers if n is not None)
            filled = tuple(present if n is None else n for n in numbers)
            expression = self._argument(wanted, filled)
        self._expressions[slot] = expression

    def _wanted(self, slot: Slot) -> str:
        """Return what an argument is called that gives a number."""
        if slot.role not in CHANNELS:
            return slot.role
        wide = [s for s in self._table if s.role in ("out_channels", "out_features")]
        last = wide and slot == wide[-1] and "out_channels" not in self._arguments
        return "out_channels" if last else "hidden"

    def add_condition(self, place: int, there: tuple[bool, ...], flag: str) -> None:
        """Find when a step is there, or make a flag of it."""
        tests = [*self._stride_tests(), *self._channel_tests()]
        if flag in CHANNEL_FLAGS:
            tests = [*self._channel_tests(), *self._stride_tests()]
        flags = {n: v for n, v in self._arguments.items() if isinstance(v[0], bool)}
        tests += [(Condition(name), tuple(map(bool, flags[name]))) for name in flags]
        fitting = (condition for condition, holds in tests if holds == there)
        condition = next(fitting, None)
        self._conditions[place] = condition or Condition(self._argument(flag, there))

    def _argument(self, wanted: str, numbers: tuple[int, ...]) -> str:
        name = self._named.unique(wanted)
        self._arguments[name] = numbers
        return name

    def _stride_tests(self) -> Iterator[tuple[Condition, tuple[bool, ...]]]:
        """Yield what may be asked of strides, and for which uses it holds."""
        for name, numbers in self._arguments.items():
            if name.startswith("stride"):
                for value in sorted(set(numbers), reverse=True):
                    holds = tuple(n == value for n in numbers)
                    yield Condition(name, f" == {value}"), holds
                yield Condition(name, " > 1"), tuple(n > 1 for n in numbers)

    def _channel_tests(self) -> Iterator[tuple[Condition, tuple[bool, ...]]]:
        """Yield what may be asked of channels, and for which uses it holds."""
        new = self._new_channels()
        if not new:
            return
        if strides := self._arguments.get("stride"):
            pairs = zip(strides, new, strict=True)
            yield Condition(RESIDUAL), tuple(s == 1 and n == 0 for s, n in pairs)
        yield Condition("in_channels == out_channels"), tuple(n == 0 for n in new)
        yield Condition(NEW_CHANNELS), tuple(n != 0 for n in new)
        yield Condition(NEW_CHANNELS, " > 0"), tuple(n > 0 for n in new)
        yield Condition(NEW_CHANNELS, " < 0"), tuple(n < 0 for n in new)

    def _follows(self, role: str, numbers: Numbers) -> str | None:
        """Return an expression over known arguments that gives these numbers, if any."""
        if role == "new_channels":
            return self._difference(numbers) or self._multiple(numbers)
        if role in CHANNELS:
            return self._multiple(numbers)
        if role in ("index", "points", "rows", "shape") and (
            counted := self._multiple(numbers)
        ):
            return counted
        if role == "padding":
            return self._padding(numbers) or self._by_case(numbers)
        kinds = {"kernel_size": ("stride", "kernel_size")}.get(role, (role,))
        return self._first(kinds, numbers, lambda n: n, "{}")

    def _first(
        self,
        kinds: Sequence[str],
        numbers: Numbers,
        derived: Callable[[int], int],
        text: str,
    ) -> str | None:
        """Return the first argument of these roles from which numbers follow, as text."""
        for kind in kinds:
            for name, known in self._arguments.items():
                fits = role_of(name) == kind
                if fits and _equal(numbers, map(derived, known)):
                    return text.format(name)
        return None

    def _multiple(self, numbers: Numbers) -> str | None:
        counts = {n: v for n, v in self._arguments.items() if role_of(n) in CHANNELS}
        for name, known in {**counts, **self._ratios}.items():
            if _equal(numbers, known):
                return name
        for name, known in counts.items():
            for factor in _factors(numbers, known):
                if _equal(numbers, (factor * n for n in known)):
                    return f"{factor} * {name}"
                if _equal(numbers, (n // factor for n in known)):
                    return f"{name} // {factor}"
        return None

    def _difference(self, numbers: Numbers) -> str | None:
        new = self._new_channels()
        return NEW_CHANNELS if new and _equal(numbers, new) else None

    def _new_channels(self) -> list[int]:
        """Return how many channels each use adds; nothing where no arguments say so."""
        before = self._arguments.get("in_channels")
        after = self._arguments.get("out_channels")
        if before is None or after is None:
            return []
        return [b - a for a, b in zip(before, after, strict=True)]

    def _padding(self, numbers: Numbers) -> str | None:
        """Return how padding follows from a kernel: what SAME needs at strides 1 and 2."""
        kinds = ("kernel_size",)
        half = self._first(kinds, numbers, lambda n: n // 2, "{} // 2")
        less = self._first(kinds, numbers, lambda n: n // 2 - 1, "{} // 2 - 1")
        return half or less

    def _by_case(self, numbers: Numbers) -> str | None:
        """Return an expression that is another one at either of two strides, or by a flag."""
        for name, cases in self._arguments.items():
            flag = isinstance(cases[0], bool)
            if len(set(cases)) != 2 or not (flag or name.startswith("stride")):
                continue
            low, high = (
                self._side(numbers, [case == value for case in cases])
                for value in sorted(set(cases))
            )
            if low is None or high is None:
                continue
            if flag:
                return f"{high} if {name} else {low}"
            if (low, high) == ("1", "0") and set(cases) == {1, 2}:
                return f"{name} % 2"
            return f"{low} if {name} == {min(cases)} else {high}"
        return None

    def _side(self, numbers: Numbers, there: Sequence[bool]) -> str | None:
        """Return what gives the numbers of some uses: one number, or a rule."""
        pairs = zip(numbers, there, strict=True)
        chosen = tuple(number if ours else None for number, ours in pairs)
        known = {number for number in chosen if number is not None}
        return str(next(iter(known), 0)) if len(known) < 2 else self._padding(chosen)

    def _ratio_argument(self, numbers: Numbers) -> str | None:
        """Make an argument of how channels relate to known ones, if that says it shorter."""
        counts = tuple(n for n in numbers if n is not None)
        for known, wanted, text in RATIOS:
            widths = self._arguments.get(known)
            if widths is None or len(counts) < len(widths) or 0 in (*counts, *widths):
                continue
            large, small = (widths, counts)
            if wanted == "expansion":
                large, small = (counts, widths)
            pairs = list(zip(large, small, strict=True))
            ratios = tuple(a // b for a, b in pairs)
            if all(a % b == 0 for a, b in pairs) and len({*ratios}) < len({*counts}):
                expression = text.format(known, self._argument(wanted, ratios))
                self._ratios[expression] = counts
                return expression
        return None


def _width(value: Value) -> int:
    """Return the channels: axis 1 of an image (NCHW), the last axis of anything else."""
    shape = value.shape
    return shape[1] if value.order == TO_NCHW else shape[-1] if shape else 0


def _equal(numbers: Numbers, known: Iterable[int]) -> bool:
    return all(n is None or n == k for n, k in zip(numbers, known, strict=True))


def _factors(numbers: Numbers, known: tuple[int, ...]) -> Iterator[int]:
    """Yield by how many times the first of two numbers is the other."""
    first, other = next(
        (n, k) for n, k in zip(numbers, known, strict=True) if n is not None
    )
    large, small = max(first, other), min(first, other)
    if small > 0:
        yield large // small


def _default(name: str, numbers: tuple[int, ...]) -> int | None:
    """Return what an argument is unless a use says otherwise; None where each says."""
    if role_of(name) in CHANNELS:
        return None
    if isinstance(numbers[0], bool):
        return False
    if name.startswith("stride") and 1 in numbers:
        return 1
    (value, count), *_ = Counter(numbers).most_common()
    return value if 2 * count > len(numbers) and count > 1 else None
