"""Which operation of the emitted module gives which value, in the order of evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.plan import Plan
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.structure.structure import Block, Skipped, Stage
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
        """What it gives, with the TFLite tensors that this stands for."""
        return self.node.outputs if self.node is not None else []


def evaluation(plan: Plan, forwards: Mapping[str, Forward]) -> list[Operation]:
    """Return every operation of a module, as tracing it with ``torch.fx`` meets them.

    Layers are one operation each, and so are calls of the helpers behind the classes; the
    blocks' classes are walked through.
    """

    def operations(scope: Scope, nodes: list[Node], prefix: str) -> Iterator[Operation]:
        """Walk one use of a class; ``nodes`` are those of this use."""
        for shown in forwards[scope.name].operations:
            if shown is None:
                yield Operation(prefix, None)
                continue
            (index,) = scope.place(shown)
            node, attribute = nodes[index], scope.attributes.get(shown, "")
            path = f"{prefix}.{attribute}".strip(".")
            if isinstance(node, Stage):
                for position, block in enumerate(node.blocks):
                    inner = plan.scope_of(block)
                    yield from operations(inner, block.body, f"{path}.{position}")
            elif isinstance(node, Block):
                yield from operations(plan.scope_of(node), node.body, path)
            elif not isinstance(node, Skipped):
                yield Operation(path, node)

    return list(operations(plan.model, plan.model.nodes, ""))
