"""The last look at emitted source before it is written or run.

The writer reduces every name of a file and escapes every text, so nothing of a file can
become code. This check does not rely on that: it lets only through what the writer prints.
"""

from __future__ import annotations

import ast

from tflite2torch.converter.errors import Tflite2TorchError

NODES = (
    *(ast.Module, ast.Import, ast.ImportFrom, ast.alias),
    *(ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return),
    *(ast.Assign, ast.Expr, ast.If, ast.For, ast.comprehension, ast.ListComp),
    *(ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Starred),
    *(ast.Tuple, ast.List, ast.Subscript, ast.Slice, ast.IfExp),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop),
    *(ast.boolop, ast.cmpop, ast.expr_context),
)
"""What the writer uses of Python."""

IMPORTS = {"import torch", "from torch import Tensor, nn"}
IMPORTS |= {"from torch.nn import functional as F"}
BUILTINS = {"bool", "enumerate", "float", "int", "len", "list", "max", "min", "range"}
BUILTINS |= {"self", "super", "tuple", "zip"}


class UnsafeSourceError(Tflite2TorchError):
    """Emitted source holds something that the writer never prints: a fault of ours."""


def check_source(source: str) -> None:
    """Raise UnsafeSourceError unless a module holds only what the writer prints."""
    tree = ast.parse(source)
    known = BUILTINS | {"torch", "Tensor", "nn", "F"} | _defined(tree)
    for node in ast.walk(tree):
        if not isinstance(node, NODES):
            raise _unsafe(node, type(node).__name__)
        match node:
            case ast.Import() | ast.ImportFrom() if ast.unparse(node) not in IMPORTS:
                raise _unsafe(node, ast.unparse(node))
            case ast.Name(id=name) if name not in known or name.startswith("__"):
                raise _unsafe(node, name)
            case ast.Attribute(attr=name) if (
                name.startswith("_") and name != "__init__"
            ):
                raise _unsafe(node, name)
            case (
                ast.FunctionDef(decorator_list=[_, *_])
                | ast.ClassDef(decorator_list=[_, *_])
            ):
                raise _unsafe(node, "a decorator")


def _defined(tree: ast.Module) -> set[str]:
    """Return what the module itself gives a name: classes, functions, variables."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


def _unsafe(node: ast.AST, what: str) -> UnsafeSourceError:
    line = getattr(node, "lineno", 0)
    return UnsafeSourceError(
        f"line {line} of the emitted source holds {what[:80]!a}, which the writer never "
        "prints; nothing was written or run: please report the file"
    )
