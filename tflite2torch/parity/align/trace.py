"""The operations of a module, lined up with the TFLite tensors that they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from types import FunctionType
from typing import Any

import numpy as np
from torch import fx, nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.parity.check import RAISED
from tflite2torch.parity.inputs.interface import Port
from tflite2torch.parity.layers.report import OUTPUT
from tflite2torch.parity.reference.wire import Array


class TraceError(Exception):
    """A module whose operations cannot be told; the message says why."""


@dataclass(frozen=True)
class Layer:
    """One operation of a module.

    Attributes:
        name: of a layer its path, ``stage2.0.depthwise``; of a step without weights the
            path of the module whose ``forward`` does it, and what: ``stage2.0: add``. Where
            TFLite does the work of such a step and of a layer in one operator, as of a
            convolution and its activation, it is the layer's: ``stage2.0.depthwise: relu``.
        kind: the type of the layer, or the function.
        node: where it stands in the traced graph; None for what is not in the module.
        values: what it gives, with the TFLite tensors that this stands for; nothing where
            the conversion does not say.
        inside: of what is not in the module, the layer that it was folded into.
    """

    name: str
    kind: str
    node: fx.Node | None
    values: tuple[Value, ...] = ()
    inside: str = ""

    @property
    def compared(self) -> dict[int, Value]:
        """Those of its values that stand for TFLite tensors, by their place."""
        return {
            place: value
            for place, value in enumerate(self.values)
            if value.tensor is not None and value.batched
        }

    def port(self, place: int) -> Port:
        """Return how one of the compared values lines up with its tensor."""
        return port_of(self.compared[place])


def port_of(value: Value) -> Port:
    """Return how a value lines up with the tensor that it stands for."""
    tensor = -1 if value.tensor is None else value.tensor
    return Port(value.name, tensor, value.shape[1:], value.dtype, value.order)


def expected(value: Value, answers: Sequence[Mapping[int, Array]]) -> Array:
    """Return what TFLite's tensors say of a value, in its order of axes.

    Args:
        value: it stands for a tensor.
        answers: for each sample of a batch, tensors by their index.
    """
    port = port_of(value)
    return np.concatenate([port.to_module(answer[port.tensor]) for answer in answers])


@dataclass(frozen=True)
class Trace:
    """A module's operations in the order in which they run.

    Attributes:
        graph: as ``torch.fx`` has traced it, down to the layers of ``torch.nn``.
        layers: one for each operation of the graph, and one for what the module returns.
        differences: how the operations differ from those of the conversion, a line each.
    """

    graph: fx.Graph
    layers: tuple[Layer, ...]
    differences: tuple[str, ...] = ()

    def inputs_of(self, layer: Layer) -> tuple[list[Layer], list[Layer]]:
        """Return the compared layers that a layer's values come from, and what is between.

        What is between are the operations whose values are not compared, in order.
        """
        by_node = {other.node: other for other in self.layers}
        sources: set[fx.Node] = set()
        between: set[fx.Node] = set()
        waiting = list(layer.node.all_input_nodes) if layer.node is not None else []
        while waiting:
            node = waiting.pop()
            if node in by_node and by_node[node].compared:
                sources.add(node)
            elif node not in between:
                between.add(node)
                waiting += node.all_input_nodes
        ordered = self.layers
        return (
            [other for other in ordered if other.node in sources],
            [other for other in ordered if other.node in between],
        )


def trace_conversion(module: nn.Module, conversion: Conversion) -> Trace:
    """Trace a module as the converter has emitted it.

    Raises:
        TraceError: it does other operations than the converter says. That is a fault of
            the converter, and nothing can be compared.
    """
    trace = trace_module(module)
    *operations, _ = (_path(layer.node) for layer in trace.layers)
    told = [operation.path for operation in conversion.evaluation]
    if operations != told:
        places = zip(operations, told, strict=False)
        first = next((i for i, (a, b) in enumerate(places) if a != b), len(operations))
        raise TraceError(
            f"the emitted module has {len(operations)} operations, the conversion "
            f"{len(told)}; they part at operation {first}"
        )
    values = [operation.values for operation in conversion.evaluation]
    values.append([_value(entry) for entry in conversion.outputs])
    pairs = zip(trace.layers, values, strict=True)
    layers = tuple(replace(layer, values=tuple(v)) for layer, v in pairs)
    return _named_by_weights(module, Trace(trace.graph, layers))


def trace_like(module: nn.Module, conversion: Trace) -> Trace:
    """Trace a module that should do what an emitted one does.

    What both do is lined up; ``differences`` names what one of them alone does. Operations
    are told by their path and kind, or, in a module whose paths are others, such as one
    that was written by hand, by their kind alone.

    Raises:
        TraceError: ``torch.fx`` cannot trace it.
    """
    trace = trace_module(module)
    paths = {_path(layer.node) for layer in conversion.layers}
    same = all(_path(layer.node) in paths for layer in trace.layers)
    ours = [_key(layer, same) for layer in trace.layers]
    theirs = [_key(layer, same) for layer in conversion.layers]
    layers = list(trace.layers)
    differences: list[str] = []
    matcher = SequenceMatcher(None, theirs, ours, autojunk=False)
    for tag, start, end, start_ours, end_ours in matcher.get_opcodes():
        missing = conversion.layers[start:end]
        extra = trace.layers[start_ours:end_ours]
        if tag != "equal":
            differences += [f"{layer.name} is missing" for layer in missing]
            differences += [f"{layer.name} is not in the conversion" for layer in extra]
            continue
        for place, told in enumerate(missing, start_ours):
            name = told.name if same else layers[place].name
            layers[place] = replace(layers[place], name=name, values=told.values)
    found = Trace(trace.graph, tuple(layers), tuple(differences))
    return _named_by_weights(module, found)


def _named_by_weights(module: nn.Module, trace: Trace) -> Trace:
    """Name what completes a layer that TFLite has no tensor for after that layer."""
    count: Counter[str] = Counter()
    layers = []
    for layer in trace.layers:
        _, between = trace.inputs_of(layer)
        owners = [step.name for step in between if _weighted(module, step)]
        completes = owners and layer.compared and layer.kind != OUTPUT
        if completes and not _weighted(module, layer):
            name = f"{owners[-1]}: {layer.kind}"
            count[name] += 1
            name += f" #{count[name]}" if count[name] > 1 else ""
            layer = replace(layer, name=name)
        layers.append(layer)
    return replace(trace, layers=tuple(layers))


def _weighted(module: nn.Module, layer: Layer) -> bool:
    """Return whether a layer has weights."""
    node = layer.node
    if node is None or node.op != "call_module":
        return False
    return any(True for _ in module.get_submodule(str(node.target)).parameters())


def trace_module(module: nn.Module) -> Trace:
    """Trace any module; what its values stand for is not known.

    Raises:
        TraceError: ``torch.fx`` cannot trace it.
    """
    namespace: dict[str, Any] = getattr(type(module).forward, "__globals__", {})
    helpers = [v for v in namespace.values() if isinstance(v, FunctionType)]
    try:
        graph = _Tracer(autowrap_functions=tuple(helpers)).trace(module)
    except RAISED as error:
        text = " ".join(str(error).split())
        raise TraceError(f"torch.fx cannot trace the module: {text}") from error
    return Trace(graph, tuple(_layers(module, graph)))


def _layers(module: nn.Module, graph: fx.Graph) -> Iterator[Layer]:
    count: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == OUTPUT:
            yield Layer(OUTPUT, OUTPUT, node)
        if not node.op.startswith("call_"):
            continue
        kind = _kind(module, node)
        name = path = _path(node)
        if node.op != "call_module":
            name = f"{path or 'forward'}: {kind}"
        count[name] += 1
        if count[name] > 1:
            name = f"{name} #{count[name]}"
        yield Layer(name, kind, node)


class _Tracer(fx.Tracer):
    """Stops at the layers of ``torch.nn``, and looks into everything else."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = type(m).__module__.startswith("torch.nn")
        return known and not isinstance(m, nn.Sequential)


def _path(node: fx.Node | None) -> str:
    """Return the path of the module that does an operation; nothing for the whole."""
    if node is None:
        return ""
    if node.op == "call_module":
        return str(node.target)
    stack: Mapping[str, tuple[str, Any]] = node.meta.get("nn_module_stack", {})
    return list(stack.values())[-1][0] if stack else ""


def _kind(module: nn.Module, node: fx.Node) -> str:
    if node.op == "call_module":
        return type(module.get_submodule(str(node.target))).__name__
    return str(getattr(node.target, "__name__", node.target))


def _key(layer: Layer, paths: bool) -> tuple[str, str]:
    """Return what tells an operation; ``nn.ReLU`` and ``F.relu`` are of one kind."""
    kind = layer.kind.lower().replace("_", "")
    return _path(layer.node) if paths else "", kind


def _value(entry: Mapping[str, Any]) -> Value:
    """Return what an entry of "outputs" in the manifest stands for."""
    shape = tuple(N if size == "N" else size for size in entry["shape"])
    order = tuple(entry["permutation"])
    return Value(entry["identifier"], shape, entry["dtype"], entry["tensor"], order)
