"""Blocks one after the other become stages.

Before::

    b = block(a)    c = block(b)    d = downsampling(c)    e = block(d)

After, since the resolution changes at d::

    c = stage(a)    e = stage(c)
"""

from __future__ import annotations

from dataclasses import dataclass

from converter.graph import Graph, Node
from converter.passes.blocks import Block, fold


@dataclass(eq=False, repr=False)
class Stage(Node):
    """Blocks one after the other, at one resolution: an ``nn.Sequential``."""

    blocks: list[Block]


def find_stages(graph: Graph) -> None:
    """Put an ``nn.Sequential`` in the place of two blocks or more that follow each other."""
    users = graph.users()
    outputs = set(graph.outputs)
    runs: list[list[Block]] = []
    for node in graph.nodes:
        if not isinstance(node, Block):
            continue
        entry = node.inputs[0]
        before = next((run for run in runs if run[-1].outputs[0] is entry), None)
        alone = users.get(entry) == [node] and entry not in outputs
        if before is not None and alone and not _resizes(node):
            before.append(node)
        else:
            runs.append([node])
    for run in runs:
        if len(run) > 1:
            stage = Stage(
                run[0].inputs, run[-1].outputs, run, operator=run[-1].operator
            )
            fold(graph, list(run), stage)


def _resizes(block: Block) -> bool:
    before, after = block.inputs[0], block.outputs[0]
    return before.rank == after.rank == 4 and before.shape[2:] != after.shape[2:]
