"""What changed from one release of models to the next."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tflite2torch.transfer.lock import Facts

UNCHANGED, NEW, GONE = "unchanged", "new", "gone"
WEIGHTS, ARCHITECTURE = "weights changed", "architecture changed"
METADATA, STORAGE, REPACKED = "metadata changed", "storage changed", "repacked"
RENAMED, UNSUPPORTED, FAILS = "renamed", "not supported", "fails parity"

MOST = 8
"""How many layers or lines a change names; ``--json`` has all."""


@dataclass(frozen=True)
class Change:
    """What became of a model.

    Attributes:
        name: in the new release; of one that is gone in the old one.
        kinds: what changed, ``UNCHANGED`` alone if nothing did.
        details: what exactly, a line each.
        diff: of the emitted source, a line each; empty if the architecture is the same.
    """

    name: str
    kinds: tuple[str, ...]
    details: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing changed, and nothing fails."""
        return self.kinds == (UNCHANGED,)

    @property
    def failed(self) -> bool:
        """Whether it cannot be converted, or fails parity."""
        return UNSUPPORTED in self.kinds or FAILS in self.kinds


def find_changes(old: Mapping[str, Facts], new: Mapping[str, Facts]) -> list[Change]:
    """Return what became of each model; the old ones that are gone come last.

    Models are matched by name, or else by both fingerprints.
    """
    found = []
    left = {name: facts for name, facts in old.items() if name not in new}
    for name, facts in new.items():
        before, former = old.get(name), name
        if before is None:
            former = next((n for n, x in left.items() if _same_model(x, facts)), "")
            before = left.pop(former, None)
        found.append(_change(name, former, before, facts))
    return found + [Change(name, (GONE,)) for name in left]


def _same_model(old: Facts, new: Facts) -> bool:
    if old["sha256"] == new["sha256"]:
        return True
    return "weights" in old and all(old[n] == new.get(n) for n in ("architecture", "weights"))


def _change(name: str, former: str, old: Facts | None, new: Facts) -> Change:
    """Return what became of a model."""
    kinds, details, diff = [], [], []
    if "not_supported" in new:
        kinds.append(UNSUPPORTED)
        details += new["not_supported"]
    if old is None:
        kinds.insert(0, NEW)
    else:
        if former != name:
            kinds.insert(0, RENAMED)
            details.insert(0, f"it was {former}")
        if "not_supported" not in new and "not_supported" not in old:
            for kind, lines in _differences(old, new):
                kinds.append(kind)
                details += lines
            if ARCHITECTURE in kinds:
                diff = list(
                    difflib.unified_diff(old["code"], new["code"], "old", "new", lineterm="")
                )
        elif "not_supported" not in new:
            details.append("it is supported now")
            kinds.append(NEW)
    parity = new.get("parity") or {}
    if parity.get("passed") is False:
        kinds.append(FAILS)
        details.append(parity["verdict"])
    elif parity and parity.get("passed") is None:
        details.append(f"not compared: {parity['verdict']}")
    return Change(name, tuple(kinds) or (UNCHANGED,), tuple(details), tuple(diff))


def _differences(old: Facts, new: Facts) -> Iterator[tuple[str, list[str]]]:
    """Yield the kinds of change between two files of one model, with lines on each."""
    if old["sha256"] == new["sha256"]:
        return
    kinds = 0
    if old["architecture"] != new["architecture"]:
        kinds += 1
        yield ARCHITECTURE, list(_operators(old, new))
    elif old["weights"] != new["weights"]:
        kinds += 1
        yield WEIGHTS, [*_layers(old, new), *_outputs(old, new)]
    if old["storage"] != new["storage"] and old["architecture"] == new["architecture"]:
        kinds += 1
        yield STORAGE, [f"constants are stored as {_counts(new)}, were {_counts(old)}"]
    told = list(_metadata(old, new))
    if told:
        kinds += 1
        yield METADATA, told
    if not kinds:
        yield REPACKED, ["the file has other bytes; the model in it is the same"]


def _counts(facts: Facts) -> str:
    return ", ".join(f"{kind} ({count})" for kind, count in facts["storage"].items())


def _operators(old: Facts, new: Facts) -> Iterator[str]:
    before, after = old["operators"], new["operators"]
    for name in sorted({*before, *after}):
        counts = before.get(name, 0), after.get(name, 0)
        if counts[0] != counts[1]:
            yield f"{name}: {counts[0]} → {counts[1]} operators"
    for kind in ("inputs", "outputs"):
        sides = [[(x["shape"], x["dtype"]) for x in facts[kind]] for facts in (old, new)]
        if sides[0] != sides[1]:
            yield f"{kind}: {sides[0]} → {sides[1]}"


def _layers(old: Facts, new: Facts) -> Iterator[str]:
    """Yield how far constants moved, those first that moved furthest."""
    pairs = zip(old["constants"].values(), new["constants"].items(), strict=False)
    moved = [
        (_distance(before["values"], after["values"]), key)
        for before, (key, after) in pairs
        if before["sha256"] != after["sha256"]
    ]
    moved.sort(reverse=True)
    yield f"{len(moved)} of {len(new['constants'])} constants differ"
    for far, key in moved[:MOST]:
        yield f"{key}: about {100 * far:.2g} % off"


def _outputs(old: Facts, new: Facts) -> Iterator[str]:
    sides = [(facts.get("parity") or {}).get("outputs", {}) for facts in (old, new)]
    for name, after in sides[1].items():
        before = sides[0].get(name, {})
        if "answer" in before and "answer" in after:
            far = _distance(before["answer"], after["answer"])
            yield f"output {name}: about {100 * far:.2g} % off on a random input"


def _distance(old: Sequence[Any], new: Sequence[Any]) -> float:
    """Return the distance of two lists of numbers as a share of the first one's size."""
    if len(old) != len(new):
        return math.inf
    error = math.sqrt(sum((a - b) ** 2 for a, b in zip(old, new, strict=True)))
    size = math.sqrt(sum(a**2 for a in old))
    return error / size if size else (math.inf if error else 0.0)


def _metadata(old: Facts, new: Facts) -> Iterator[str]:
    for kind in ("inputs", "outputs"):
        for one, other in zip(old[kind], new[kind], strict=False):
            for fact in ("identifier", "value_range", "unit"):
                if one.get(fact) != other.get(fact):
                    yield f"{other['identifier']}: {fact}: {one.get(fact)!r} → {other.get(fact)!r}"
    sides = old["metadata"], new["metadata"]
    for fact in ("description", "says", "buffers"):
        if sides[0].get(fact) != sides[1].get(fact):
            yield f"{fact}: {_short(sides[0].get(fact))} → {_short(sides[1].get(fact))}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def as_markdown(changes: Sequence[Change]) -> str:
    """Return the changes for a pull request."""
    counts = {kind: sum(kind in x.kinds for x in changes) for x in changes for kind in x.kinds}
    summed = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "no model"
    lines = [f"## MediaPipe models: {summed}", "", "| model | |", "| --- | --- |"]
    lines += [f"| `{x.name}` | {', '.join(x.kinds)} |" for x in changes]
    for change in changes:
        if change.details or change.diff:
            lines += ["", f"### `{change.name}`: {', '.join(change.kinds)}", ""]
            lines += [f"- {_escaped(line)}" for line in change.details]
        if change.diff:
            fence = "````"
            lines += ["", f"{fence}diff", *change.diff, fence]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Return untrusted text that Markdown takes as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in text)
