"""Traces the operations of a module, and maps them to the TFLite tensors they compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from types import FunctionType
from typing import Any

from torch import fx, nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.called import RAISED
from tflite2torch.parity.align.values import OUTPUT, output_value, port_of, tensor_of
from tflite2torch.parity.inputs.interface import Port


class TraceError(Exception):
    """A module that cannot be traced or lined up; the message says why."""


@dataclass(frozen=True)
class Layer:
    """One operation of a module, or a tensor that was folded into one.

    Attributes:
        name: the path of a layer, ``stage2.0.depthwise``; for a step without weights, the
            path of the module whose ``forward`` has it, and the function: ``stage2.0: add``.
            Where one TFLite operator does the work of a layer and of the step after it, as
            a convolution with its activation, both: ``stage2.0.depthwise: relu``.
        kind: the type of the layer, or the function.
        node: its node in the traced graph; None for what the module does not compute.
        values: its results, which know the TFLite tensors that they stand for; empty if the
            conversion lists none.
        inside: for a tensor that the module does not compute, the layer it was folded into.
        counterpart: the node of the emitted module's trace that it is lined up with.
    """

    name: str
    kind: str
    node: fx.Node | None
    values: tuple[Value, ...] = ()
    inside: str = ""
    counterpart: fx.Node | None = None

    @property
    def compared(self) -> dict[int, Value]:
        """Its values that stand for TFLite tensors, by their place among its results."""
        return {
            place: value
            for place, value in enumerate(self.values)
            if tensor_of(value) is not None and value.batched
        }

    def port(self, place: int) -> Port:
        """Return how one of the compared values lines up with its tensor."""
        return port_of(self.compared[place])


@dataclass(frozen=True)
class Trace:
    """A module's operations in the order in which they run.

    Attributes:
        graph: as traced by ``torch.fx``, down to the layers of ``torch.nn``.
        layers: one for each operation of the graph, and one for what the module returns.
        differences: how the operations differ from those of the conversion, a line each.
        notes: what was lined up by a guess, or not at all, a line each.
        foreign: whether they are of a module that has a structure of its own: it need not have
            a value for each tensor.
        batch: the only size of a batch that they run at; None where they run at any.
        failures: what is wrong with the module besides, a line each.
    """

    graph: fx.Graph
    layers: tuple[Layer, ...]
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    foreign: bool = False
    batch: int | None = None
    failures: tuple[str, ...] = ()

    def inputs_of(self, layer: Layer) -> tuple[list[Layer], list[Layer]]:
        """Return the nearest compared layers before a layer, and the operations between.

        Both are in the order of computation; the values of the latter are not compared.
        """
        # Backwards through the operations that have no TFLite tensor of their own, such as
        # the convolution before a fused activation, up to the first ones that have.
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

    def givers(self) -> dict[int, tuple[Layer, int]]:
        """Map each tensor to the first layer that computes it, and its place among the results."""
        found: dict[int, tuple[Layer, int]] = {}
        for layer in self.layers:
            for place in layer.compared:
                found.setdefault(layer.port(place).tensor, (layer, place))
        return found


def outputs_only(conversion: Conversion) -> Trace:
    """Return a trace of nothing but what the module of a conversion returns."""
    values = tuple(map(output_value, conversion.outputs))
    return Trace(fx.Graph(), (Layer(OUTPUT, OUTPUT, None, values),))


def trace_conversion(module: nn.Module, conversion: Conversion) -> Trace:
    """Trace an emitted module; its operations are those that the conversion lists.

    Raises:
        TraceError: they differ. That is a bug of the converter, and nothing can be compared.
    """
    trace = trace_module(module)
    *operations, _ = (_path(layer.node) for layer in trace.layers)
    listed = [operation.path for operation in conversion.evaluation]
    if operations != listed:
        places = zip(operations, listed, strict=False)
        first = next((i for i, (a, b) in enumerate(places) if a != b), len(operations))
        raise TraceError(
            f"the emitted module has {len(operations)} operations, the conversion "
            f"{len(listed)}; they part at operation {first}"
        )
    values = [operation.values for operation in conversion.evaluation]
    values.append([output_value(entry) for entry in conversion.outputs])
    pairs = zip(trace.layers, values, strict=True)
    layers = tuple(replace(x, values=tuple(v), counterpart=x.node) for x, v in pairs)
    return named_by_weights(module, Trace(trace.graph, layers))


def trace_like(module: nn.Module, conversion: Trace) -> Trace:
    """Trace a module that should compute the same as an emitted one, and line both up.

    ``differences`` of the result names the operations that only one of them has.

    Raises:
        TraceError: ``torch.fx`` cannot trace it.
    """
    trace = trace_module(module)
    # The emitted module under other weights has the same paths, so that path and kind
    # identify an operation. A port that was written by hand has paths of its own, and only
    # the order of the kinds can be matched: longest common runs, as for two texts.
    paths = {_path(layer.node) for layer in conversion.layers}
    same = all(_path(layer.node) in paths for layer in trace.layers)
    ours = [operation_key(layer, paths=same) for layer in trace.layers]
    theirs = [operation_key(layer, paths=same) for layer in conversion.layers]
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
        for place, match in enumerate(missing, start_ours):
            name = match.name if same else layers[place].name
            layers[place] = replace(
                layers[place], name=name, values=match.values, counterpart=match.node
            )
    found = Trace(trace.graph, tuple(layers), tuple(differences))
    return named_by_weights(module, found)


def named_by_weights(module: nn.Module, trace: Trace) -> Trace:
    """Name an activation after the weighted layer it completes.

    TFLite has one tensor for a convolution with its activation. The activation's value is
    compared, but an error in it is mostly the convolution's.
    """
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
    if node is None or node.op == OUTPUT:
        return False
    if node.op != "call_module":
        return any(operand.op == "get_attr" for operand in node.all_input_nodes)
    return any(True for _ in module.get_submodule(str(node.target)).parameters())


def trace_module(module: nn.Module) -> Trace:
    """Trace any module, without the tensors that its values stand for.

    Raises:
        TraceError: ``torch.fx`` cannot trace it.
    """
    # The helper functions that the writer puts into a module's file are one operation each,
    # as in the conversion, and some look at sizes, which torch.fx cannot trace.
    namespace: dict[str, Any] = getattr(type(module).forward, "__globals__", {})
    helpers = [v for v in namespace.values() if isinstance(v, FunctionType)]
    try:
        graph = _Tracer(autowrap_functions=tuple(helpers)).trace(module)
    except RAISED as error:
        text = " ".join(str(error).split())
        raise TraceError(f"torch.fx cannot trace the module: {text}") from error
    _return_plain_tuple(graph)
    return Trace(graph, tuple(_layers(module, graph)))


def _return_plain_tuple(graph: fx.Graph) -> None:
    """Return the items of a ``NamedTuple`` as a tuple: that torch.fx builds it is no operation."""
    output = next(node for node in graph.nodes if node.op == OUTPUT)
    (result,) = output.args
    if isinstance(result, fx.Node) and hasattr(result.target, "_fields"):
        output.args = (tuple(result.args),)
        graph.erase_node(result)


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
    """Traces into all modules but the layers of ``torch.nn``."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = type(m).__module__.startswith("torch.nn")
        return known and not isinstance(m, nn.Sequential)


def _path(node: fx.Node | None) -> str:
    """Return the path of the module that has an operation; empty for the outermost."""
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


def operation_key(layer: Layer, *, paths: bool = False) -> tuple[str, str]:
    """Return what identifies an operation; ``nn.ReLU`` and ``F.relu`` are of one kind.

    Args:
        layer: the operation.
        paths: whether its place among the modules counts too.
    """
    kind = layer.kind.lower().replace("_", "")
    return _path(layer.node) if paths else "", kind
