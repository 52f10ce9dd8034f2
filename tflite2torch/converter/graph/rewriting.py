"""How passes rewrite a graph, one after the other, and what they tell of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tflite2torch.converter.graph.graph import Graph


@dataclass
class Rewrites:
    """What a pass did.

    Attributes:
        count: how often it fired.
        near_misses: what it looked at and left alone, and why.
    """

    count: int = 0
    near_misses: list[str] = field(default_factory=list)


Pass = Callable[[Graph], Rewrites]
"""Rewrites a graph in place."""


def run_passes(
    graph: Graph,
    passes: Sequence[Pass],
    after_each: Callable[[Graph], None] = lambda graph: None,
) -> dict[str, Rewrites]:
    """Run passes in their order; return what each did, by its function's name.

    Args:
        graph: what is rewritten.
        passes: one that stands there several times is told of once, all together.
        after_each: called when each of them has run, such as ``Graph.verify``.
    """
    told: dict[str, Rewrites] = {}
    for rewrite in passes:
        done = rewrite(graph)
        after_each(graph)
        before = told.setdefault(pass_name(rewrite), Rewrites())
        before.count += done.count
        before.near_misses += done.near_misses
    return told


def pass_name(rewrite: Pass) -> str:
    """Return the name of a pass's function, also where some of its arguments are bound."""
    return str(getattr(rewrite, "func", rewrite).__name__)
