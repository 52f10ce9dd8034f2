"""Whether two models are of one architecture, so that their layers can be compared."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from tflite2torch.converter.convert import Conversion
from tflite2torch.parity.align.trace import Trace, operation_key


def first_difference(
    first: Conversion, second: Conversion, traces: tuple[Trace, Trace]
) -> str | None:
    """Return a line on what differs first, apart from numbers in weights; None where nothing does.

    Args:
        first: one model.
        second: the other.
        traces: the operations of their modules.
    """
    for kind in ("input", "output"):
        sides = (getattr(first, f"{kind}s"), getattr(second, f"{kind}s"))
        for number, pair in enumerate(zip_longest(*sides), start=1):
            one, other = (_tensor(entry) for entry in pair)
            if one != other:
                return f"{kind} {number} is {one} in the first, {other} in the second"
    pairs = zip_longest(traces[0].layers, traces[1].layers)
    for number, (ours, theirs) in enumerate(pairs, start=1):
        if ours is None or theirs is None or operation_key(ours) != operation_key(theirs):
            named = [f"{x.name} ({x.kind})" if x else "missing" for x in (ours, theirs)]
            return f"operation {number} is {named[0]} in the first, {named[1]} in the second"
    for (key, value), weight in zip(first.state.items(), second.state.values(), strict=False):
        shapes = [[int(size) for size in x.shape] for x in (value, weight)]
        if shapes[0] != shapes[1]:
            return f"{key} is {shapes[0]} in the first, {shapes[1]} in the second"
    return None


def _tensor(entry: dict[str, Any] | None) -> str:
    return "missing" if entry is None else f"{entry['dtype']} {entry['shape']}".replace("'", "")
