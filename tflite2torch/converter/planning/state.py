"""The state_dict: which key holds which constant."""

from __future__ import annotations

from collections.abc import Iterator

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.roles import constants
from tflite2torch.converter.planning.plan import Plan
from tflite2torch.converter.planning.scope import Scope


def state_dict(plan: Plan) -> dict[str, Value]:
    """Return the constant that each key of the module's state_dict holds."""

    def entries(scope: Scope, nodes: list[Node], path: str) -> Iterator[tuple[str, Value]]:
        """Walk one use of a class, whose nodes these are."""
        for part, attribute in scope.attributes.items():
            index, *operand = scope.place(part)
            node, key = nodes[index], f"{path}.{attribute}".strip(".")
            if operand:
                yield key, constants(node)[operand[0]]
                continue
            for name, value in node.parameters.items():
                yield f"{key}.{name}", value
            for use in plan.uses(node, key):
                yield from entries(*use)

    return dict(entries(plan.model, plan.model.nodes, ""))
