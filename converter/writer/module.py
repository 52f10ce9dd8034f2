"""Graph → the source text of a standalone module."""

from __future__ import annotations

import ast
from importlib import resources
from itertools import groupby

from converter.graph import Graph, Shape, Value
from converter.passes.blocks import Block
from converter.passes.stages import Stage
from converter.writer.expressions import render
from converter.writer.formatting import format_source
from converter.writer.forward import Forward
from converter.writer.plan import Part, Plan, Scope
from converter.writer.roles import block_description


def write_source(graph: Graph, plan: Plan, docstring: str) -> str:
    """Return the module of a planned graph: its imports, its blocks' classes, its own."""
    classes = [
        _class(plan, scope, block_description(first), ["x"], [])
        for scope, first in plan.described()
    ]
    names = ["x"] if len(graph.inputs) == 1 else graph.input_names
    classes.append(_class(plan, plan.model, "", names, graph.output_names))
    body = "\n\n\n".join(classes + [_helper(name) for name in plan.helpers()])
    return format_source(f'"""{docstring}"""\n\n{_imports(body)}\n\n\n{body}\n')


def _helper(name: str) -> str:
    """Return functions that several models share, as they stand in ``helpers``."""
    return (
        resources.files("converter.writer.helpers")
        .joinpath(f"{name}.txt")
        .read_text("utf-8")
    )


def _imports(body: str) -> str:
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    lines = ["import torch"] if "torch" in used else []
    lines += ["from torch import Tensor, nn"]
    lines += ["from torch.nn import functional as F"] if "F" in used else []
    return "\n".join(lines)


def _class(
    plan: Plan, scope: Scope, description: str, inputs: list[str], outputs: list[str]
) -> str:
    arguments = "".join(f", {name}: int" for name in scope.symbols.arguments)
    operands = "".join(f", {name}: Tensor" for name in inputs)
    result = "Tensor"
    if len(scope.outputs) > 1:
        result = f"tuple[{', '.join(['Tensor'] * len(scope.outputs))}]"
    lines = [f"class {scope.name}(nn.Module):"]
    if description:
        lines += [f'    """{description}"""', ""]
    lines += [
        f"    def __init__(self{arguments}) -> None:",
        "        super().__init__()",
    ]
    lines += [f"        self.{a} = {e}" for e, a in scope.stored.items()]
    lines += [
        f"        {_assignment(attribute, part, _kept(plan, scope, part))}"
        for part, attribute in scope.attributes.items()
    ]
    lines += ["", f"    def forward(self{operands}) -> {result}:"]
    lines += [f"        {line}" for line in Forward(plan, scope).lines(inputs, outputs)]
    return "\n".join(lines)


def _assignment(attribute: str, part: Part, constructor: str) -> str:
    """Return what gives a class a part; integers are no parameters but buffers."""
    if isinstance(part, Value) and part.dtype != "float32":
        return f'self.register_buffer("{attribute}", {constructor})'
    return f"self.{attribute} = {constructor}"


def _kept(plan: Plan, scope: Scope, part: Part) -> str:
    """Return the constructor of what an attribute holds."""
    if isinstance(part, Stage):
        return f"nn.Sequential({', '.join(_blocks(plan, part.blocks))})"
    code = plan.constructor(part)
    assert code is not None  # only what is kept has an attribute
    plain = {e: e for e in scope.symbols.expressions.values()}
    expression = render(
        code, [], lambda a: scope.substituted(part, a, code.arguments[a], plain)
    )
    return ast.unparse(expression)


def _blocks(plan: Plan, blocks: list[Block]) -> list[str]:
    """Return the blocks of a stage, as a loop where three or more are equal."""
    codes = [plan.constructor(block) for block in blocks]
    texts = [ast.unparse(render(code, [], lambda a: None)) for code in codes if code]
    items: list[str] = []
    for text, run in groupby(texts):
        count = len(list(run))
        items += [f"*[{text} for _ in range({count})]"] if count > 2 else [text] * count
    return items


def shown_shape(shape: Shape) -> str:
    """Return a shape as documentation shows it: ``(N, 3, 128, 128)``."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
