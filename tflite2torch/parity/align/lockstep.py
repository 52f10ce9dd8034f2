"""Runs a module operation by operation, three times side by side.

Free-running from its inputs, teacher-forced on the reference's own values, and in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.called import RAISED
from tflite2torch.parity.align.operation import computed_operands
from tflite2torch.parity.align.trace import Layer, Trace


@dataclass(frozen=True)
class Step:
    """The results of one operation.

    Attributes:
        layer: the operation.
        free: its results when the module runs from its inputs; empty where it raised.
        forced: its results on the reference's own values; empty where it raised.
        exact: its results in float64, from the module's inputs; empty where the module
            does not run in float64, or was not to.
        raised: the error that the free run raised; empty where it ran.
        operands: what it read in the free run, by the nodes that computed it.
    """

    layer: Layer
    free: tuple[Tensor, ...]
    forced: tuple[Tensor, ...]
    exact: tuple[Tensor, ...]
    raised: str
    operands: Mapping[fx.Node, Any] = field(default_factory=dict)


Reference = Callable[[Value], Tensor | None]
"""Returns the reference's answer for a value; None where it has none."""


def run_in_lockstep(
    module: nn.Module,
    double: nn.Module | None,
    trace: Trace,
    inputs: Sequence[Tensor],
    reference: Reference,
    dtype: torch.dtype = torch.float32,
    kernels: AbstractContextManager[object] | None = None,
) -> Iterator[Step]:
    """Yield the results of each operation of a module, as soon as they are computed.

    Args:
        module: in eval mode; left as it is.
        double: its copy in float64; None where that run is not made.
        trace: the module's operations.
        inputs: the module's, batch axis first.
        reference: gives the operands of teacher-forced operations.
        dtype: the floating type that the module computes in.
        kernels: what is active while an operation of the free or forced run is computed.
    """
    kernels = kernels or nullcontext()
    own = [in_type(x, dtype) for x in inputs]
    free = _Run(module, trace.graph, own, kernels)
    forced = _Run(module, trace.graph, own, kernels)
    runs = [free, forced]
    if double is not None:
        doubles = [in_type(x, torch.float64) for x in inputs]
        runs.append(_Run(double, trace.graph, doubles, nullcontext()))
    layers = {layer.node: layer for layer in trace.layers}
    for node in trace.graph.nodes:
        layer = layers.get(node)
        operands = free.operands(node)
        results = [_tensors(run.step(node)) for run in runs]
        if layer is not None:
            exact = results[2] if double is not None else ()
            yield Step(layer, results[0], results[1], exact, free.raised, operands)
            # In the forced run the reference's values replace the results as soon as these
            # are measured, so that the next operation starts from TFLite's own. Values that
            # the reference lacks, as between a convolution and its activation, stay.
            known = {p: reference(value) for p, value in layer.compared.items()}
            replaced = {p: in_type(x, dtype) for p, x in known.items() if x is not None}
            forced.replace(node, replaced)
        for run in runs:
            run.forget(node)
        if free.raised:
            return


def in_type(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a tensor as ``dtype`` if it is floating; others unchanged."""
    return x.to(dtype) if x.is_floating_point() else x


def in_double(module: nn.Module) -> nn.Module:
    """Return a copy of a module that computes in float64."""
    return copy.deepcopy(module).double()


class _Run(fx.Interpreter):
    """One run of a graph, a node at a time."""

    def __init__(
        self,
        module: nn.Module,
        graph: fx.Graph,
        inputs: Sequence[Tensor],
        kernels: AbstractContextManager[object],
    ) -> None:
        super().__init__(module, garbage_collect_values=False, graph=graph)
        self._kernels = kernels
        self.args_iter = iter(inputs)
        self.raised = ""
        # What each node reads for the last time: activations are dropped after their last
        # use, as fx does it itself when it runs a graph at one go.
        self._last: dict[fx.Node, list[fx.Node]] = {}
        seen: set[fx.Node] = set()
        for node in reversed(graph.nodes):
            for operand in {*node.all_input_nodes, node} - seen:
                self._last.setdefault(node, []).append(operand)
                seen.add(operand)

    def operands(self, node: fx.Node) -> dict[fx.Node, Any]:
        """Return what a node reads, less the module's constants."""
        return {n: self.env[n] for n in computed_operands(node) if n in self.env}

    def step(self, node: fx.Node) -> Any:
        """Return a node's result; None where an operand is missing, or it raises."""
        if any(operand not in self.env for operand in node.all_input_nodes):
            return None
        try:
            with torch.inference_mode(), self._kernels:
                value = self.run_node(node)
        except RAISED as error:
            text = " ".join(str(error).split())
            self.raised = f"raises {type(error).__name__}: {text[:300]}"
            return None
        self.env[node] = value
        return value

    def replace(self, node: fx.Node, values: Mapping[int, Tensor]) -> None:
        """Replace results of a node, by their place among them."""
        if not values:
            return
        if 0 in values and not isinstance(self.env.get(node), (tuple, list)):
            self.env[node] = values[0]
        elif node in self.env:
            own = self.env[node]
            self.env[node] = tuple(values.get(i, own[i]) for i in range(len(own)))

    def forget(self, node: fx.Node) -> None:
        """Drop the values that no node after this one reads."""
        for operand in self._last.get(node, ()):
            self.env.pop(operand, None)


def _tensors(value: Any) -> tuple[Tensor, ...]:
    values = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(v for v in values if isinstance(v, Tensor))
