"""Which constant stands under which state_dict key."""

from __future__ import annotations

from collections.abc import Iterator

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.roles import constants
from tflite2torch.converter.planning.plan import Plan
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.structure.structure import Block, Stage


def state_dict(plan: Plan) -> dict[str, Value]:
    """Return the constant that each key of the module's state_dict holds."""
    return dict(_entries(plan, plan.model, plan.model.nodes, ""))


def _entries(
    plan: Plan, scope: Scope, nodes: list[Node], prefix: str
) -> Iterator[tuple[str, Value]]:
    """Walk one use of a class; ``nodes`` are those of this use."""
    for part, attribute in scope.attributes.items():
        index, *operand = scope.place(part)
        node, key = nodes[index], prefix + attribute
        if operand:
            yield key, constants(node)[operand[0]]
        elif isinstance(node, Stage):
            for position, block in enumerate(node.blocks):
                yield from _block(plan, block, f"{key}.{position}.")
        elif isinstance(node, Block):
            yield from _block(plan, node, f"{key}.")
        else:
            for name, value in node.parameters.items():
                yield f"{key}.{name}", value


def _block(plan: Plan, block: Block, prefix: str) -> Iterator[tuple[str, Value]]:
    yield from _entries(plan, plan.scope_of(block), block.body, prefix)
