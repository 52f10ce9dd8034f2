"""Passes, which rewrite a graph in place, and their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tflite2torch.converter.graph.graph import Graph


@dataclass
class Rewrites:
    """The result of a pass.

    Attributes:
        count: how often it fired.
        near_misses: candidates that it left as they were, with the reason.
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
    """Run passes in order.

    Returns results by pass name; repeated passes are summed.

    Args:
        graph: rewritten in place.
        passes: the passes to run.
        after_each: called after each pass, such as ``Graph.verify``.
    """
    results: dict[str, Rewrites] = {}
    for rewrite in passes:
        done = rewrite(graph)
        after_each(graph)
        before = results.setdefault(pass_name(rewrite), Rewrites())
        before.count += done.count
        before.near_misses += done.near_misses
    return results


def pass_name(rewrite: Pass) -> str:
    """Return the name of a pass's function, looking through ``functools.partial``."""
    return str(getattr(rewrite, "func", rewrite).__name__)
