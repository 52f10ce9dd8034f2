"""Checks emitted source against a list of what the writer prints, before it is written or run.

The writer reduces every name of a file and escapes every text, so that nothing of a file can
become code. This check is a second line of defence: it does not rely on that.
"""

from __future__ import annotations

import ast

from tflite2torch.converter.errors import Tflite2TorchError

NODES = (
    *(ast.Module, ast.Import, ast.ImportFrom, ast.alias),
    *(ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return),
    *(
        ast.Assign,
        ast.AnnAssign,
        ast.Expr,
        ast.If,
        ast.Raise,
        ast.JoinedStr,
        ast.FormattedValue,
        ast.For,
        ast.comprehension,
        ast.ListComp,
    ),
    *(ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Starred),
    *(ast.Tuple, ast.List, ast.Subscript, ast.Slice, ast.IfExp),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop),
    *(ast.boolop, ast.cmpop, ast.expr_context),
)
"""The syntax that the writer uses."""

IMPORTS = {"import torch", "from torch import Tensor, nn"}
IMPORTS |= {"from torch.nn import functional as F", "from typing import NamedTuple"}
BUILTINS = {
    "ValueError",
    "bool",
    "enumerate",
    "float",
    "int",
    "isinstance",
    "len",
    "list",
    "max",
    "min",
    "range",
}
BUILTINS |= {"self", "super", "tuple", "zip"}


class UnsafeSourceError(Tflite2TorchError):
    """Emitted source holds something that the writer never prints: a fault of ours."""


def check_source(source: str) -> None:
    """Raise UnsafeSourceError unless a module holds only what the writer prints."""
    nodes = list(ast.walk(ast.parse(source)))
    known = BUILTINS | {"torch", "Tensor", "nn", "F", "NamedTuple"}
    for node in nodes:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                known.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                known.add(name)
    raised = {id(n) for node in nodes if isinstance(node, ast.Raise) for n in ast.walk(node)}
    for node in nodes:
        if not isinstance(node, NODES):
            raise _unsafe(node, type(node).__name__)
        match node:
            case ast.Import() | ast.ImportFrom() if ast.unparse(node) not in IMPORTS:
                raise _unsafe(node, ast.unparse(node))
            case ast.Name(id=name) if name not in known or name.startswith("__"):
                raise _unsafe(node, name)
            case ast.Attribute(attr=name) if name[0] == "_" and name != "__init__":
                raise _unsafe(node, name)
            case ast.JoinedStr() if id(node) not in raised:
                raise _unsafe(node, "JoinedStr, which only errors have")
            case ast.FunctionDef(decorator_list=[_, *_]) | ast.ClassDef(decorator_list=[_, *_]):
                raise _unsafe(node, "a decorator")


def _unsafe(node: ast.AST, what: str) -> UnsafeSourceError:
    line = getattr(node, "lineno", 0)
    return UnsafeSourceError(
        f"line {line} of the emitted source holds {what[:80]!a}, which the writer never "
        "prints; nothing was written or run: please report the file"
    )
