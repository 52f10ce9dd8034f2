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

    Each part shows its name, its blocks or its layer, and the shape of its result for one
    sample. Steps without weights are left out; their edges are drawn through.
    """
    names = plan.model.attributes
    boxes: list[str] = []
    edges: list[str] = []
    sources: dict[Value, list[str]] = {}  # the inputs and parts that a value comes from
    for value, name in zip(graph.inputs, graph.input_names, strict=True):
        boxes.append(f'in_{name}(["{name}<br/>{_size(value)}"])')
        sources[value] = [f"in_{name}"]
    for node in graph.nodes:
        read = [source for v in node.inputs for source in sources.get(v, [])]
        read = list(dict.fromkeys(read))
        if node in names and not isinstance(node, PRelu):
            key = f"{names[node]}_"  # none of Mermaid's own words ends so
            texts = [names[node], _kind(node, plan), _size(node.outputs[0])]
            boxes.append(f'{key}["{"<br/>".join(texts)}"]')
            edges += [f"{source} --> {key}" for source in read]
            read = [key]
        sources |= dict.fromkeys(node.outputs, read)
    for value, name in zip(graph.outputs, graph.output_names, strict=True):
        boxes.append(f'out_{name}(["{name}<br/>{_size(value)}"])')
        edges += [f"{source} --> out_{name}" for source in sources.get(value, [])]
    lines = [f"    {line}" for line in [*boxes, *edges]]
    return "\n".join(["flowchart TD", *lines]) + "\n"


def _kind(node: Node, plan: Plan) -> str:
    """Return a part's class or layer type, for its box in the diagram."""
    if isinstance(node, Stage):
        names = [plan.scope_of(block).name for block in node.blocks]
        runs = [(name, len(list(run))) for name, run in groupby(names)]
        return ", ".join(f"{count} x {name}" for name, count in runs)
    if isinstance(node, Block):
        return plan.scope_of(node).name
    if isinstance(node, Conv2d):
        (height, width), (down, _) = node.window.kernel, node.window.stride
        stride = f", stride {down}" if down > 1 else ""
        kind = "depthwise" if node.variant == "depthwise" else "Conv2d"
        return f"{kind} {height}x{width}{stride}"
    code = node.layer()
    return code.template.partition("(")[0].removeprefix("nn.") if code else ""


def _size(value: Value) -> str:
    """Return the shape of one sample."""
    return " x ".join(str(int(size)) for size in value.shape[1:])
