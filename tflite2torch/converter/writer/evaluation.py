"""Which operation of the emitted module computes which value, in the order of evaluation."""

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
    """One operation that an emitted module carries out on a tensor.

    Attributes:
        path: the module that does it, as in its state_dict: ``stage2.0.depthwise``; for a
            step without weights, that of the class whose ``forward`` does it.
        node: the node whose result it gives; None where that takes further operations.
    """

    path: str
    node: Node | None

    @property
    def values(self) -> list[Value]:
        """The values of the graph that it computes."""
        return self.node.outputs if self.node is not None else []


def evaluation(plan: Plan, forwards: Mapping[str, Forward]) -> list[Operation]:
    """Return every operation of a module, as tracing it with ``torch.fx`` meets them.

    A layer is one operation, and so is a call of a helper function; what the ``forward`` of
    a block's class does stands there for each use.
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
