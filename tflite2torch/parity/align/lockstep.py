"""Runs a module one operation at a time: freely, forced, and in float64, side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.trace import Layer, Trace
from tflite2torch.parity.check import RAISED


@dataclass(frozen=True)
class Step:
    """What an operation has given.

    Attributes:
        layer: the operation.
        free: its values when the module runs from its input; nothing where it raised.
        forced: its values from the reference's own inputs; nothing where it raised.
        exact: its values in float64, from the module's input; nothing where the module
            does not run in float64.
        raised: what the module said; empty where it ran.
    """

    layer: Layer
    free: tuple[Tensor, ...]
    forced: tuple[Tensor, ...]
    exact: tuple[Tensor, ...]
    raised: str


Reference = Callable[[Value], Tensor | None]
"""Gives what the reference says of a value that stands for one of its tensors, if it does."""


def run_in_lockstep(
    module: nn.Module,
    double: nn.Module,
    trace: Trace,
    inputs: Sequence[Tensor],
    reference: Reference,
    dtype: torch.dtype = torch.float32,
) -> Iterator[Step]:
    """Yield what each operation of a module gives, as soon as it is computed.

    Args:
        module: in eval mode; left as it is.
        double: its copy in float64.
        trace: the module's operations.
        inputs: the module's, batch axis first.
        reference: what a forced operation's inputs are taken from. Values that the
            reference lacks are taken from the forced run itself.
        dtype: the floating type that the module computes in.
    """
    own = [in_type(x, dtype) for x in inputs]
    free = _Run(module, trace.graph, own)
    forced = _Run(module, trace.graph, own)
    exact = _Run(double, trace.graph, [in_type(x, torch.float64) for x in inputs])
    layers = {layer.node: layer for layer in trace.layers}
    for node in trace.graph.nodes:
        layer = layers.get(node)
        results = [_tensors(run.step(node)) for run in (free, forced, exact)]
        if layer is not None:
            yield Step(layer, results[0], results[1], results[2], free.raised)
            known = {p: reference(value) for p, value in layer.compared.items()}
            replaced = {p: in_type(x, dtype) for p, x in known.items() if x is not None}
            forced.replace(node, replaced)
        for run in (free, forced, exact):
            run.forget(node)
        if free.raised:
            return


def in_type(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a tensor's numbers as ``dtype``, where they are floating-point numbers."""
    return x.to(dtype) if x.is_floating_point() else x


def in_double(module: nn.Module) -> nn.Module:
    """Return a copy of a module that computes in float64."""
    return copy.deepcopy(module).double()


class _Run(fx.Interpreter):
    """One run of a graph, a node at a time; keeps only what is still needed."""

    def __init__(
        self, module: nn.Module, graph: fx.Graph, inputs: Sequence[Tensor]
    ) -> None:
        super().__init__(module, garbage_collect_values=False, graph=graph)
        self.args_iter = iter(inputs)
        self.raised = ""
        self._last: dict[fx.Node, list[fx.Node]] = {}
        seen: set[fx.Node] = set()
        for node in reversed(graph.nodes):
            for operand in {*node.all_input_nodes, node} - seen:
                self._last.setdefault(node, []).append(operand)
                seen.add(operand)

    def step(self, node: fx.Node) -> Any:
        """Return what a node gives; None where its inputs are missing, or it raises."""
        if any(operand not in self.env for operand in node.all_input_nodes):
            return None
        try:
            with torch.inference_mode():
                value = self.run_node(node)
        except RAISED as error:
            text = " ".join(str(error).split())
            self.raised = f"raises {type(error).__name__}: {text[:300]}"
            return None
        self.env[node] = value
        return value

    def replace(self, node: fx.Node, values: Mapping[int, Tensor]) -> None:
        """Put other values in the place of those that a node has given."""
        if not values:
            return
        if 0 in values and not isinstance(self.env.get(node), (tuple, list)):
            self.env[node] = values[0]
        elif node in self.env:
            own = self.env[node]
            self.env[node] = tuple(values.get(i, own[i]) for i in range(len(own)))

    def forget(self, node: fx.Node) -> None:
        """Drop what no node after this one reads."""
        for operand in self._last.get(node, ()):
            self.env.pop(operand, None)


def _tensors(value: Any) -> tuple[Tensor, ...]:
    values = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(v for v in values if isinstance(v, Tensor))
