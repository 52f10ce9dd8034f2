"""Pairs the layers and joins of a module from elsewhere with those of the emitted one.

Both are captured, the module with inputs in its own order of axes and range, and paired by
structure (``matching``), whatever their weights are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.called import RAISED
from tflite2torch.parity.align.foreign.adapter import Adapter, Axes
from tflite2torch.parity.align.foreign.capture import Captured, capture
from tflite2torch.parity.align.foreign.matching import Matching, match
from tflite2torch.parity.align.foreign.network import Unit, find_units, weight_of
from tflite2torch.parity.align.trace import Trace, TraceError
from tflite2torch.parity.align.values import OUTPUT

IMAGE_LAST: Axes = (0, 2, 3, 1)
"""Axes of an NCHW image in the order of NHWC."""

ENDS = (("input",), ("output",))
"""Signatures of units that are no layers."""


@dataclass(frozen=True)
class Paired:
    """A module from elsewhere and the emitted one, with their layers and joins in pairs.

    Attributes:
        adapter: the module, with the inputs of the emitted one.
        own: the operations of the emitted module.
        other: those of the module.
        places: the node in ``own`` of each traced operation of the emitted module.
        matching: the pairs.
        units: all layers and joins: those of the emitted module, and those of the other one.
    """

    adapter: Adapter
    own: Captured
    other: Captured
    places: dict[fx.Node, fx.Node]
    matching: Matching
    units: tuple[tuple[Unit, ...], tuple[Unit, ...]]


def pair_up(
    module: nn.Module, emitted: nn.Module, listed: Trace, inputs: Sequence[Tensor]
) -> Paired:
    """Pair the layers and joins of two modules by structure, whatever their weights are.

    Arguments and errors are those of ``line_up``.
    """
    adapter = _adapted(module, inputs)
    pair = [torch.cat([x, x]) for x in inputs]
    own, places = _capture_values(emitted, listed, pair)
    returned = [places[node] for node in returned_nodes(listed) if node in places]
    other = capture(adapter, pair)
    units = tuple(find_units(own.graph, returned)), tuple(find_units(other.graph))
    for side, state in zip(units, (emitted.state_dict(), adapter.state_dict()), strict=True):
        _weigh(side, state)
    return Paired(adapter, own, other, places, match(*units), units)


def _weigh(units: Sequence[Unit], state: Mapping[str, Tensor]) -> None:
    """Give layers what tells their kernels from others."""
    for unit in units:
        kernels = [weight_of(x) for x in unit.node.args]
        for kernel in kernels if unit.signature not in ENDS else ():
            x = state.get(str(kernel.target)) if kernel is not None else None
            if x is not None and x.dim() > 1:
                values = x.detach().reshape(-1).double().sort().values
                unit.weights = str(hash(values.numpy().tobytes()))


def paired_again(paired: Paired, inputs: Sequence[Tensor]) -> Paired:
    """Pair the same modules after the adapter has changed."""
    other = capture(paired.adapter, [torch.cat([x, x]) for x in inputs])
    units = paired.units[0], tuple(find_units(other.graph))
    _weigh(units[1], paired.adapter.state_dict())
    return replace(paired, other=other, matching=match(*units), units=units)


def _adapted(module: nn.Module, inputs: Sequence[Tensor]) -> Adapter:
    """Return the module with the order of axes that it takes."""
    problems = []
    for order in (None, IMAGE_LAST):
        axes = [order if x.dim() == 4 else None for x in inputs]
        adapter = Adapter(module, axes).eval()
        try:
            with torch.no_grad():
                adapter(*[x.clone() for x in inputs])
            return adapter
        except RAISED as error:
            told = " ".join(str(error).split())[:200]
            problems.append(f"{type(error).__name__}: {told}")
    shapes = " and ".join(str(["N", *x.shape[1:]]) for x in inputs)
    raise TraceError(f"the module takes no input of {shapes}: it raises {problems[0]}")


def _capture_values(
    emitted: nn.Module, listed: Trace, inputs: Sequence[Tensor]
) -> tuple[Captured, dict[fx.Node, fx.Node]]:
    """Capture the emitted module; return which node gives the value of each traced operation."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    returned = graph.graph_copy(listed.graph, copies)
    assert returned is not None
    nodes = [x.node for x in listed.layers if x.node is not None and x.node.op != OUTPUT]
    # The size of a batch is no value, and what gives several is compared as outputs alone.
    single = [node for node in nodes if len(listed_values(listed, node)) == 1]
    graph.output(tuple(copies[node] for node in single))
    captured = capture(fx.GraphModule(emitted, graph), inputs)
    output = next(node for node in captured.graph.nodes if node.op == OUTPUT)
    return captured, dict(zip(single, output.args[0], strict=True))


def listed_values(listed: Trace, node: fx.Node) -> tuple[Value, ...]:
    """Return the values of a traced operation."""
    return next(layer.values for layer in listed.layers if layer.node is node)


def values_of(module: nn.Module, graph: fx.Graph, inputs: Sequence[Tensor]) -> dict[fx.Node, Any]:
    """Run a captured graph; return the results of all its nodes."""
    run = fx.Interpreter(module, garbage_collect_values=False, graph=graph)
    with torch.no_grad():
        run.run(*inputs, enable_io_processing=False)
    return run.env


def undo_normalization(paired: Paired, emitted: nn.Module, inputs: Sequence[Tensor]) -> bool:
    """Have the adapter undo what the module does to the range of an image before its first layer.

    The emitted module takes it in the range that the network takes. Returns whether there was
    something to undo: the module then has to be captured again.
    """
    adapter, own, other, matching = paired.adapter, paired.own, paired.other, paired.matching
    firsts = (u for u in matching.pairs if any(x.signature == ("input",) for x in u.inputs))
    first = next(firsts, None)
    if first is None or len(inputs) != 1 or inputs[0].dim() != 4 or len(adapter.scale):
        return False
    second = matching.pairs[first]
    [x] = inputs
    own_low, own_high = (_level(emitted, own.graph, first, x, level) for level in (0, 1))
    low, high, middle = (_level(adapter, other.graph, second, x, n) for n in (0, 1, 0.5))
    if own_low is None or own_high is None or low is None or high is None or middle is None:
        return False
    same = torch.allclose(low, own_low) and torch.allclose(high, own_high)
    straight = torch.allclose(middle, (low + high) / 2, atol=1e-6)
    if same or not straight or bool((high == low).any()):
        return False
    adapter.shift, adapter.scale = low, 1 / (high - low)
    return True


def _level(
    module: nn.Module, graph: fx.Graph, unit: Unit, image: Tensor, level: float
) -> Tensor | None:
    """Return what a first layer gets in the middle of an image of one value, for each channel."""
    operand = unit.node.args[0]
    assert isinstance(operand, fx.Node)
    found: Tensor = values_of(module, graph, [torch.full_like(image, level)])[operand]
    if found.dim() != 4:
        return None
    if found.shape[1] != image.shape[1]:
        found = found.permute(0, 3, 1, 2)
    if found.shape[1] != image.shape[1]:
        return None
    # In the type of images, whatever the module's first layer computes in.
    return found[0, :, found.shape[2] // 2, found.shape[3] // 2].to(image.dtype)


def returned_nodes(listed: Trace) -> list[fx.Node]:
    """Return the nodes whose values the emitted module returns."""
    [result] = next(node for node in listed.graph.nodes if node.op == OUTPUT).args
    return list(result) if isinstance(result, (tuple, list)) else [result]


def told_unit(unit: Unit) -> str:
    """Return how messages name a layer or join: ``head (dense 4x8)``."""
    name = unit.name.removeprefix("module").removeprefix(".") or "forward"
    kind, *sizes = unit.signature
    return f"{name} ({kind} {'x'.join(map(str, sizes))})" if sizes else f"{name} ({kind})"
