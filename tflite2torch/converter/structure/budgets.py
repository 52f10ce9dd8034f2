"""Limits of the search for structure, so that no file takes minutes or makes odd classes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budgets:
    """Limits of the search for structure; official models stay well below them.

    Attributes:
        nesting: rounds of finding blocks around those of the round before. Deep nesting
            helps no reader, and each round walks the whole graph.
        block_nodes: nodes of a block. Nobody reads a longer ``forward``, and a region is
            walked for every node in which two paths meet.
        shortcut_steps: steps without weights on a shortcut. A path with more is a branch of
            its own, not a shortcut.
        neighbours: with how many of the next nodes of its structure a node is paired to find
            repeats. Repeats are close together; all pairs of thousands of equal nodes would
            take minutes.
        pairs: how many pairs of nodes all searches for repeats in a graph may make. Official
            models need a tenth of that.
        saved_blocks: how many blocks a repeated unit has to save, over all its uses, to take
            them out of the run of blocks that would be a stage.
    """

    nesting: int = 5
    block_nodes: int = 100
    shortcut_steps: int = 4
    neighbours: int = 12
    pairs: int = 10_000
    saved_blocks: int = 8


BUDGETS = Budgets()
