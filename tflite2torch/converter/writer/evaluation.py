"""The operations of the emitted module in the order of evaluation, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.plan import Plan
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.structure.structure import Skipped
from tflite2torch.converter.writer.forward import Forward


@dataclass(frozen=True)
class Operation:
    """One tensor operation of an emitted module.

    Attributes:
        path: the path of the layer, as in the state_dict: ``stage2.0.depthwise``; for a step
            without weights, the path of the module whose ``forward`` has it.
        node: the node whose result it computes; None for an intermediate operation.
    """

    path: str
    node: Node | None

    @property
    def values(self) -> list[Value]:
        """The values of the graph that it computes."""
        return self.node.outputs if self.node is not None else []


def evaluation(plan: Plan, forwards: Mapping[str, Forward]) -> list[Operation]:
    """Return every operation of a module, in the order of a ``torch.fx`` trace.

    A layer is one operation, and so is a call of a helper function; the operations of a
    block's class are repeated for each use.
    """

    def operations(scope: Scope, nodes: list[Node], path: str) -> Iterator[Operation]:
        """Walk one use of a class, whose nodes these are."""
        for shown in forwards[scope.name].operations:
            if shown is None:
                yield Operation(path, None)
                continue
            (index,) = scope.place(shown)
            node, attribute = nodes[index], scope.attributes.get(shown, "")
            inner = f"{path}.{attribute}".strip(".")
            if uses := plan.uses(node, inner):
                for use in uses:
                    yield from operations(*use)
            elif not isinstance(node, Skipped):
                yield Operation(inner, node)

    return list(operations(plan.model, plan.model.nodes, ""))
