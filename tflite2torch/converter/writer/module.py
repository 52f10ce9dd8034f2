"""Graph → the source text of a standalone module."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from itertools import groupby
from typing import Any

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.index import Lookup
from tflite2torch.converter.graph.nodes.matmul import MatMul
from tflite2torch.converter.graph.nodes.shape import Expand
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.names import Namespace
from tflite2torch.converter.planning.constructor import CHANNELS, role_of
from tflite2torch.converter.planning.expression import Expression, Formula
from tflite2torch.converter.planning.plan import Plan
from tflite2torch.converter.planning.scope import Part, Scope
from tflite2torch.converter.planning.sizes import Sizes
from tflite2torch.converter.structure.structure import Block, Stage
from tflite2torch.converter.writer.docstring import class_docstring
from tflite2torch.converter.writer.expressions import render, spelled
from tflite2torch.converter.writer.formatting import format_source
from tflite2torch.converter.writer.forward import Forward
from tflite2torch.converter.writer.interface import class_attributes, result_class, size_checks

MOST_LISTED = 16
"""The most integers of a constant that the source lists; the manifest lists more."""

TRAINED = {"add", "sub", "mul", "div"}
"""Elementwise functions whose constant operand may be a weight."""


def write_source(
    graph: Graph, sizes: Sizes, plan: Plan, forwards: Mapping[str, Forward], docstring: str
) -> str:
    """Return the source of a module: docstring, imports, classes, and helper functions.

    ``forwards`` are those of the classes, by name; ``sizes`` are the graph's.
    """
    attributes = class_attributes(graph, sizes)
    checks = size_checks(graph, plan.model, sizes)
    classes = [_class(plan, scope, forwards[scope.name], [], []) for scope in plan.blocks.values()]
    classes += [result] if (result := result_class(plan.model)) else []
    classes.append(_class(plan, plan.model, forwards[plan.model.name], attributes, checks))
    steps = [n for s in plan.scopes for n in s.nodes if n not in s.attributes]
    helpers = dict.fromkeys(helper for n in steps if (helper := n.code().helper))
    body = "\n\n\n".join(classes + [_helper(name) for name in helpers])
    return format_source(f'"""{docstring}"""\n\n{_imports(body)}\n\n\n{body}\n')


def _helper(name: str) -> str:
    """Return functions that several models share, as they stand in ``helpers``."""
    return (
        resources.files("tflite2torch.converter.writer.helpers")
        .joinpath(f"{name}.txt")
        .read_text("utf-8")
    )


def _imports(body: str) -> str:
    lines = ["from typing import NamedTuple", ""] if "(NamedTuple):" in body else []
    lines += ["import torch"] if re.search(r"\btorch\.(?!fx)", body) else []
    lines += ["from torch import Tensor, nn"]
    functional = re.search(r"\bF\.", body)
    lines += ["from torch.nn import functional as F"] if functional else []
    return "\n".join(lines)


def _class(
    plan: Plan, scope: Scope, forward: Forward, attributes: list[str], checks: list[str]
) -> str:
    operands = "".join(f", {name}: Tensor" for name in scope.input_names)
    tensors = ", ".join(["Tensor"] * len(scope.outputs))
    result = scope.result or (f"tuple[{tensors}]" if len(scope.outputs) > 1 else "Tensor")
    lines = [f"class {scope.name}(nn.Module):"]
    if not scope.of_model:
        said = class_docstring(scope.constructor.uses, plan.motifs)
        lines += [f"    {line}".rstrip() for line in said]
    lines += [f"    {line}" for line in attributes] + [""] * bool(attributes)
    lines += [
        f"    def __init__(self{_parameters(scope)}) -> None:",
        "        super().__init__()",
    ]
    lines += [f"        {line}" for line in _constructor(plan, scope)]
    lines += ["", f"    def forward(self{operands}) -> {result}:"]
    lines += [f"        {line}" for line in [*checks, *forward.lines()]]
    return "\n".join(lines)


def _parameters(scope: Scope) -> str:
    """Return the constructor's parameters."""
    texts = []
    for name, numbers in scope.constructor.arguments.items():
        kind = "bool" if isinstance(numbers[0], bool) else "int"
        default = scope.constructor.defaults.get(name)
        texts.append(f", {name}: {kind}" + ("" if default is None else f" = {default}"))
    return "".join(texts)


def _constructor(plan: Plan, scope: Scope) -> list[str]:
    """Return the statements that give a class its numbers and parts."""
    names = _locals(scope)
    lines = [f"{name} = {ast.unparse(spelled(e, {}))}" for e, name in names.items()]
    for expression, attribute in scope.stored.items():
        lines.append(f"self.{attribute} = {ast.unparse(spelled(expression, {}))}")
    for part, attribute in scope.attributes.items():
        text = _part(plan, scope, part, names)
        if isinstance(part, Value) and not _is_weight(scope, part):
            lines.append(f'self.register_buffer("{attribute}", {text})')
        else:
            code = part.layer() if isinstance(part, Node) else None
            comment = f"  # {code.comment}" if code is not None and code.comment else ""
            lines.append(f"self.{attribute} = {text}{comment}")
    return lines


def _locals(scope: Scope) -> dict[Expression, str]:
    """Return names for what a constructor would compute twice, or in the midst of a call.

    These are channels that several layers share, and padding that depends on the stride.
    """
    kept = {scope.place(part) for part in scope.attributes}
    widths: Counter[Expression] = Counter()
    paddings: dict[Expression, None] = {}
    for slot, expression in scope.constructor.expressions.items():
        if kept.isdisjoint([slot.part, slot.part[:1]]) or not isinstance(expression, Formula):
            continue
        if slot.role in CHANNELS:
            widths[expression] += 1
        elif slot.role == "padding" and expression.operator == "if" and not slot.path:
            paddings[expression] = None
    taken = Namespace([*scope.constructor.arguments, "self"])
    names = {e: taken.unique("hidden") for e, times in widths.items() if times > 1}
    return names | {expression: taken.unique("pad") for expression in paddings}


def _part(plan: Plan, scope: Scope, part: Part, names: Mapping[Expression, str]) -> str:
    """Return the constructor of a part; ``names`` are those of local variables."""
    if isinstance(part, Stage):
        blocks = []
        calls = (ast.unparse(_block(plan, scope, b, names)) for b in part.blocks)
        for text, run in groupby(calls):
            count = len(list(run))
            loop = [f"*[{text} for _ in range({count})]"]
            blocks += loop if count > 2 else [text] * count
        return f"nn.Sequential({', '.join(blocks)})"
    if isinstance(part, Block):
        call: ast.expr = _block(plan, scope, part, names)
    else:
        code = part.layer() if isinstance(part, Node) else _constant(scope, part)
        assert code is not None  # of nodes without a constructor, none has an attribute
        given = {
            name: spelled(expression, names)
            for name, value in code.arguments.items()
            if (expression := scope.argument(part, name, value)) is not None
        }
        call = render(code, [], given)
    assert isinstance(call, ast.Call)
    return ast.unparse(_plain(call))


def _plain(call: ast.Call) -> ast.Call:
    """Return a layer's constructor with arguments by position or keyword, as people write it.

    ``3, stride, padding`` needs no keywords; ``stride, stride`` is a riddle without them.
    """
    last = call.args[-1] if call.args else None
    if isinstance(last, ast.Name) and last.id.startswith("stride"):
        return ast.Call(
            call.func, call.args[:-1], [ast.keyword("kernel_size", last), *call.keywords]
        )
    for word, expected in zip(list(call.keywords), ("stride", "padding"), strict=False):
        if word.arg != expected or not isinstance(word.value, ast.Name):
            break
        call.args.append(word.value)
        call.keywords.remove(word)
    return call


def _constant(scope: Scope, value: Value) -> Code:
    """Return the initial value of a parameter or buffer, before weights are loaded."""
    dtype = "" if value.dtype in ("float32", "int64") else f", dtype=torch.{value.dtype}"
    # Other uses of a block's class may have other values.
    if scope.of_model and value.dtype != "float32" and value.array.size <= MOST_LISTED:
        return Code(f"torch.tensor(values{dtype})", {"values": _nested(value.array.tolist())})
    if value.dtype != "float32":
        return Code(f"torch.zeros(*shape, dtype=torch.{value.dtype})", {"shape": value.shape})
    zeros = "torch.zeros(*shape)"
    return Code(
        f"nn.Parameter({zeros})" if _is_weight(scope, value) else zeros, {"shape": value.shape}
    )


def _nested(values: Any) -> Literal:
    """Return nested lists as tuples."""
    return tuple(map(_nested, values)) if isinstance(values, list) else values


def _is_weight(scope: Scope, value: Value) -> bool:
    """Return whether training may change a constant operand: a token, a scale, an offset.

    Indices and grids are no weights.
    """
    return value.dtype == "float32" and all(
        isinstance(node, Expand | Lookup | MatMul)
        or (isinstance(node, Elementwise) and node.function in TRAINED)
        for node in scope.users[value]
    )


def _block(plan: Plan, scope: Scope, block: Block, names: Mapping[Expression, str]) -> ast.Call:
    """Return the call of a block's class: channels by position, all else by keyword."""
    inner = plan.scope_of(block)
    call = ast.Call(ast.Name(inner.name), [], [])
    for name, value in inner.constructor.values_of(block).items():
        argument = scope.argument(block, name, value)
        given = spelled(value if argument is None else argument, names)
        if role_of(name) in CHANNELS:
            call.args.append(given)
        elif argument is not None or value != inner.constructor.defaults.get(name):
            call.keywords.append(ast.keyword(name, given))
    return call
