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
    pairs = zip_longest(*(trace.layers for trace in traces))
    for number, (one, other) in enumerate(pairs, start=1):
        if one is None or other is None or operation_key(one) != operation_key(other):
            names = [f"{x.name} ({x.kind})" if x is not None else "missing" for x in (one, other)]
            return f"operation {number} is {names[0]} in the first, {names[1]} in the second"
    for (key, one), other in zip(first.state.items(), second.state.values(), strict=False):
        if one.shape != other.shape:
            shapes = [[int(size) for size in value.shape] for value in (one, other)]
            return f"{key} is {shapes[0]} in the first, {shapes[1]} in the second"
    return None


def _tensor(entry: dict[str, Any] | None) -> str:
    return "missing" if entry is None else f"{entry['dtype']} {entry['shape']}".replace("'", "")
