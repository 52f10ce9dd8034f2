"""Consecutive blocks become stages.

Before::

    b = block(a)    c = block(b)    d = downsampling(c)    e = block(d)

After, since the resolution changes at d::

    c = stage(a)    e = stage(c)
"""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.traversal import sole_users_of
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.blocks import fold
from tflite2torch.converter.structure.structure import Block, Stage


def find_stages(graph: Graph) -> Rewrites:
    """Replace each run of two or more consecutive blocks by a stage; count the stages."""
    inside = sum(_find_in(n) for n in graph.nodes if isinstance(n, Block))
    return Rewrites(inside + _fold_runs(graph.nodes, graph.outputs, split=True))


def _find_in(block: Block) -> int:
    """Find stages in a block, the same in all blocks of its structure.

    Inside a block a change of resolution ends no stage: in another use it may be elsewhere.
    """
    inside = sum(_find_in(node) for node in block.body if isinstance(node, Block))
    return inside + _fold_runs(block.body, block.outputs, split=False)


def _fold_runs(nodes: list[Node], outputs: Sequence[Value], *, split: bool) -> int:
    """Fold each run of blocks into a stage.

    With ``split``, a change of resolution begins a new stage.
    """
    sole_users = sole_users_of(nodes, outputs)
    runs: dict[Value, list[Block]] = {}  # by the result of the last block
    for node in nodes:
        if not isinstance(node, Block) or len(node.inputs) != 1:
            continue
        entry, result = node.inputs[0], node.outputs[0]
        # A run continues only if nothing else reads the value between two blocks, for an
        # nn.Sequential returns the last one alone.
        goes_on = sole_users.get(entry) is node and not (split and _resizes(node))
        run = runs.pop(entry) if goes_on and entry in runs else []
        runs[result] = [*run, node]
    stages = [run for run in runs.values() if len(run) > 1]
    for run in stages:
        last = run[-1]
        stage = Stage(run[0].inputs, last.outputs, run, operator=last.operator)
        fold(nodes, run, stage)
    return len(stages)


def _resizes(block: Block) -> bool:
    """Return whether the resolution of an image changes, or the image becomes a vector."""
    before, after = block.inputs[0], block.outputs[0]
    return before.rank == 4 and before.shape[2:] != after.shape[2:]
