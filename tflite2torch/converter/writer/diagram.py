"""A planned graph → a diagram of its parts, as Mermaid text."""

from __future__ import annotations

from itertools import groupby

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.elementwise import PRelu
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.plan import Plan
from tflite2torch.converter.structure.structure import Block, Stage


def draw_diagram(graph: Graph, plan: Plan) -> str:
    """Return a flowchart: the parts that a model keeps, and what flows between them.

    Each part shows its name, its blocks or its layer, and the shape of what it gives for
    one sample. Steps without weights are left out; their edges are drawn through.
    """
    return "\n".join(["flowchart TD", *_Diagram(graph, plan).lines()]) + "\n"


class _Diagram:
    def __init__(self, graph: Graph, plan: Plan) -> None:
        self._graph = graph
        self._plan = plan
        self._producers = graph.producers()

    def lines(self) -> list[str]:
        """Return the nodes, and then the edges."""
        graph = self._graph
        inputs = list(zip(graph.inputs, graph.input_names, strict=True))
        outputs = list(zip(graph.outputs, graph.output_names, strict=True))
        parts = [node for node in graph.nodes if self._is_part(node)]
        lines = [f'in_{name}(["{name}<br/>{_size(v)}"])' for v, name in inputs]
        lines += [self._part(node) for node in parts]
        lines += [f'out_{name}(["{name}<br/>{_size(v)}"])' for v, name in outputs]
        for node in parts:
            for source in self._sources(node):
                lines.append(f"{source} --> {_key(self._name(node))}")
        for value, name in outputs:
            for source in self._givers([value]):
                lines.append(f"{source} --> out_{name}")
        return [f"    {line}" for line in lines]

    def _is_part(self, node: Node) -> bool:
        return node in self._plan.model.attributes and not isinstance(node, PRelu)

    def _name(self, node: Node) -> str:
        return self._plan.model.attributes[node]

    def _part(self, node: Node) -> str:
        texts = [self._name(node), self._kind(node), _size(node.outputs[0])]
        return f'{_key(self._name(node))}["{"<br/>".join(texts)}"]'

    def _kind(self, node: Node) -> str:
        """Return what a part consists of."""
        if isinstance(node, Stage):
            names = [self._plan.scope_of(block).name for block in node.blocks]
            runs = [(name, len(list(run))) for name, run in groupby(names)]
            return ", ".join(f"{count} x {name}" for name, count in runs)
        if isinstance(node, Block):
            return self._plan.scope_of(node).name
        if isinstance(node, Conv2d):
            (height, width), (down, _) = node.window.kernel, node.window.stride
            stride = f", stride {down}" if down > 1 else ""
            kind = "depthwise" if node.variant == "depthwise" else "Conv2d"
            return f"{kind} {height}x{width}{stride}"
        code = node.layer()
        return code.template.partition("(")[0].removeprefix("nn.") if code else ""

    def _sources(self, node: Node) -> list[str]:
        """Return the keys of what a part's operands come from."""
        return self._givers([v for v in node.inputs if v.data is None])

    def _givers(self, values: list[Value]) -> list[str]:
        """Return the keys of the parts and inputs that values follow from."""
        names = dict(zip(self._graph.inputs, self._graph.input_names, strict=True))
        found: dict[str, None] = {}
        waiting = list(reversed(values))
        seen: set[Value] = set()
        while waiting:
            value = waiting.pop()
            node = self._producers.get(value)
            if value in seen:
                continue
            seen.add(value)
            if node is None:
                found |= {f"in_{names[value]}": None} if value in names else {}
            elif self._is_part(node):
                found[_key(self._name(node))] = None
            else:
                waiting += [v for v in reversed(node.inputs) if v.data is None]
        return list(found)


def _key(name: str) -> str:
    """Return a name that is none of Mermaid's own words."""
    return f"{name}_"


def _size(value: Value) -> str:
    """Return the shape of one sample."""
    return " x ".join(str(int(size)) for size in value.shape[1:])
