"""Blocks one after the other become stages.

Before::

    b = block(a)    c = block(b)    d = downsampling(c)    e = block(d)

After, since the resolution changes at d::

    c = stage(a)    e = stage(c)
"""

from __future__ import annotations

from collections.abc import Iterator

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.structure.blocks import fold
from tflite2torch.converter.structure.structure import Block, Stage


def find_stages(graph: Graph) -> Rewrites:
    """Put an ``nn.Sequential`` in the place of two blocks or more that follow each other."""
    found = Rewrites()
    for block in [node for node in graph.nodes if isinstance(node, Block)]:
        found.count += _find_in(block)
    for run in _runs(graph.nodes, graph.outputs, split=True):
        _fold_run(graph.nodes, run)
        found.count += 1
    return found


def _find_in(block: Block) -> int:
    """Find stages in a block, the same in all blocks of its structure.

    There a stage goes on where the resolution changes: that may be elsewhere in another use.
    """
    found = sum(_find_in(n) for n in list(block.body) if isinstance(n, Block))
    for run in _runs(block.body, block.outputs, split=False):
        _fold_run(block.body, run)
        found += 1
    return found


def _runs(
    nodes: list[Node], outputs: list[Value], *, split: bool
) -> Iterator[list[Block]]:
    users: dict[Value, list[Node]] = {}
    for node in nodes:
        for value in node.inputs:
            users.setdefault(value, []).append(node)
    runs: list[list[Block]] = []
    for node in nodes:
        if not isinstance(node, Block) or len(node.inputs) != 1:
            continue
        entry = node.inputs[0]
        before = next((run for run in runs if run[-1].outputs[0] is entry), None)
        alone = users.get(entry) == [node] and entry not in outputs
        if before is not None and alone and not (split and _resizes(node)):
            before.append(node)
        else:
            runs.append([node])
    yield from (run for run in runs if len(run) > 1)


def _fold_run(nodes: list[Node], run: list[Block]) -> None:
    last = run[-1]
    stage = Stage(run[0].inputs, last.outputs, run, operator=last.operator)
    fold(nodes, run, stage)


def _resizes(block: Block) -> bool:
    before, after = block.inputs[0], block.outputs[0]
    return before.rank == after.rank == 4 and before.shape[2:] != after.shape[2:]
