"""Evaluates single nodes of an unfused graph in torch, as an emitted module would."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from importlib import resources
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import is_number
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.writer.expressions import literal, name, render


class Evaluated:
    """A node without weights, compiled so that it can be evaluated.

    Args:
        node: it is not a layer; its constants take the floating type of its operands.
    """

    def __init__(self, node: Node) -> None:
        # The code is the node's own template, which the writer prints for an emitted module.
        # Numbers of the file enter it as constants of a syntax tree, and names are x0, x1, …:
        # no text of the file is ever compiled.
        self.node = node
        self._constants: dict[str, Tensor] = {}
        self._code = self._compiled()
        self._names = {"torch": torch, "nn": nn, "F": F, **_helper(node.code().helper)}

    def __call__(self, operands: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the node's outputs.

        Args:
            operands: its inputs that are not constants, in their order.
        """
        floating = [x.dtype for x in operands if x.is_floating_point()]
        given = iter(operands)
        local = {
            f"x{i}": next(given) for i, value in enumerate(self.node.inputs) if value.data is None
        }
        for operand, constant in self._constants.items():
            wide = constant.is_floating_point() and floating
            local[operand] = constant.to(floating[0]) if wide else constant
        result = eval(self._code, self._names | local)  # noqa: S307 - our own template
        return result if isinstance(result, tuple) else (result,)

    def _compiled(self) -> CodeType:
        operands = [self._operand(i, value) for i, value in enumerate(self.node.inputs)]
        tree = ast.Expression(render(self.node.code(), operands, {}))
        return compile(ast.fix_missing_locations(tree), "<node>", "eval")

    def _operand(self, position: int, value: Value) -> ast.expr:
        if value.data is not None and is_number(self.node, value):
            return literal(value.number)
        if value.data is not None:
            wide = np.float32 if value.dtype == "float32" else value.data.dtype
            array = np.array(value.data, dtype=wide, order="C")
            self._constants[f"x{position}"] = torch.from_numpy(array)
        return name(f"x{position}")


def _helper(file: str | None) -> dict[str, Any]:
    """Return the helper functions that a template calls, from the file that has them."""
    if file is None:
        return {}
    folder = resources.files("tflite2torch.converter.writer.helpers")
    text = folder.joinpath(f"{file}.txt").read_text("utf-8")
    functions: dict[str, Any] = {"torch": torch, "Tensor": Tensor, "F": F}
    exec(text, functions)  # noqa: S102 - a file of this package
    return functions
