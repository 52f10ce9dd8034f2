"""Graph → the source text of a standalone module."""

from __future__ import annotations

import ast
import textwrap
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from itertools import groupby

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.value import Shape, Value
from tflite2torch.converter.naming.names import Namespace
from tflite2torch.converter.naming.roles import block_description, operand_names
from tflite2torch.converter.structure.structure import Stage
from tflite2torch.converter.writer.expressions import render
from tflite2torch.converter.writer.formatting import format_source
from tflite2torch.converter.writer.forward import Forward
from tflite2torch.converter.writer.plan import Plan
from tflite2torch.converter.writer.scope import Part, Scope
from tflite2torch.converter.writer.symbols import CHANNELS

MOST_TENSORS = 5
"""How many results a ``forward`` lists in its annotation."""

DOCSTRING = 78
"""What one line of a class's docstring takes at most."""


def write_source(graph: Graph, plan: Plan, docstring: str) -> str:
    """Return the module of a planned graph: its imports, its blocks' classes, its own."""
    classes = []
    for scope in plan.blocks.values():
        said = block_description(scope.symbols.uses, DOCSTRING, plan.idioms)
        classes.append(_class(plan, scope, said, []))
    classes.append(_class(plan, plan.model, [], graph.output_names, graph.input_names))
    body = "\n\n\n".join(classes + [_helper(name) for name in plan.helpers()])
    return format_source(f'"""{docstring}"""\n\n{_imports(body)}\n\n\n{body}\n')


def _helper(name: str) -> str:
    """Return functions that several models share, as they stand in ``helpers``."""
    return (
        resources.files("tflite2torch.converter.writer.helpers")
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
    plan: Plan,
    scope: Scope,
    description: list[str],
    outputs: list[str],
    inputs: list[str] | None = None,
) -> str:
    names = _input_names(scope, inputs)
    operands = "".join(f", {name}: Tensor" for name in names)
    result = "Tensor"
    if len(scope.outputs) > 1:
        tensors = ", ".join(["Tensor"] * len(scope.outputs))
        many = len(scope.outputs) > MOST_TENSORS
        result = f"tuple[{'Tensor, ...' if many else tensors}]"
    lines = [f"class {scope.name}(nn.Module):"]
    lines += [f"    {line}".rstrip() for line in _docstring(description)]
    lines += [
        f"    def __init__(self{_parameters(scope)}) -> None:",
        "        super().__init__()",
    ]
    lines += [f"        {line}" for line in _constructor(plan, scope)]
    lines += ["", f"    def forward(self{operands}) -> {result}:"]
    forward = Forward(scope, of_model=scope is plan.model)
    lines += [f"        {line}" for line in forward.lines(names, outputs)]
    return "\n".join(lines)


def _docstring(sentences: list[str]) -> list[str]:
    """Return the lines of a class's docstring: one, or more where one does not do."""
    whole = " ".join(sentences)
    if len(whole) <= DOCSTRING:
        return [f'"""{whole}"""', ""] if sentences else []
    first, *rest = sentences
    return [f'"""{first}', "", *textwrap.wrap(" ".join(rest), DOCSTRING), '"""', ""]


def _input_names(scope: Scope, inputs: list[str] | None) -> list[str]:
    """Return what ``forward`` calls its operands."""
    if len(scope.inputs) == 1:
        return ["x"]
    return inputs or operand_names(scope.nodes, scope.inputs)


def _parameters(scope: Scope) -> str:
    """Return the constructor's arguments."""
    texts = []
    for name, numbers in scope.symbols.arguments.items():
        kind = "bool" if isinstance(numbers[0], bool) else "int"
        default = scope.symbols.defaults.get(name)
        texts.append(f", {name}: {kind}" + ("" if default is None else f" = {default}"))
    return "".join(texts)


def _constructor(plan: Plan, scope: Scope) -> list[str]:
    """Return the statements that give a class its numbers and parts."""
    names = _locals(scope)
    lines = [f"{name} = {text}" for text, name in names.items() if name != text]
    lines += [f"self.{a} = {e}" for e, a in scope.stored.items()]
    for part, attribute in scope.attributes.items():
        lines.append(_assignment(attribute, part, _kept(plan, scope, part, names)))
    return lines


def _locals(scope: Scope) -> dict[str, str]:
    """Map expressions to how the constructor writes them: what recurs has a name."""
    kept = {scope.place(part) for part in scope.attributes}
    texts = {e: e for e in scope.symbols.expressions.values()}
    count = Counter(
        text
        for slot, text in scope.symbols.expressions.items()
        if slot.role in CHANNELS and slot.part in kept and not text.isidentifier()
    )
    taken = Namespace([*scope.symbols.arguments, "self"])
    for text, times in count.items():
        if times > 1:
            texts[text] = taken.unique("hidden")
    return texts


def _assignment(attribute: str, part: Part, constructor: str) -> str:
    """Return what gives a class a part; integers are no parameters but buffers."""
    if isinstance(part, Value) and part.dtype != "float32":
        return f'self.register_buffer("{attribute}", {constructor})'
    return f"self.{attribute} = {constructor}"


def _kept(plan: Plan, scope: Scope, part: Part, names: Mapping[str, str]) -> str:
    """Return the constructor of what an attribute holds."""
    code = plan.constructor(part)
    assert code is not None  # only what is kept has an attribute
    expression = render(
        code, [], lambda a: scope.substituted(part, a, code.arguments[a], names)
    )
    assert isinstance(expression, ast.Call)
    if isinstance(part, Stage):
        return f"nn.Sequential({', '.join(_blocks(expression))})"
    for word in expression.keywords[:1]:
        if word.arg == "stride" and isinstance(word.value, ast.Name):
            expression.args.append(word.value)  # stride=stride says it twice
            expression.keywords.remove(word)
    return ast.unparse(expression)


def _blocks(stage: ast.Call) -> list[str]:
    """Return the blocks of a stage, as a loop where three or more are equal."""
    items: list[str] = []
    for text, run in groupby(ast.unparse(block) for block in stage.args):
        count = len(list(run))
        items += [f"*[{text} for _ in range({count})]"] if count > 2 else [text] * count
    return items


def shown_shape(shape: Shape) -> str:
    """Return a shape as documentation shows it: ``(N, 3, 128, 128)``."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
