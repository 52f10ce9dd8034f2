"""Tells in which operations a port departs from a model, where its values do."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import fx

from tflite2torch.parity.align.foreign.network import MOVES, operator_name
from tflite2torch.parity.align.foreign.pairing import Paired
from tflite2torch.parity.align.trace import Trace
from tflite2torch.parity.layers.report import ParityReport

MOST = 5
"""How many departures are told."""

SILENT = (*MOVES, "clone", "alias", "detach", "dropout", "getitem", "_unsafe_view", "flatten")
"""Operators that are not told: they do nothing to values."""


def tell_departures(
    report: ParityReport, listed: Trace, paired: Paired, trace: Trace
) -> Iterator[str]:
    """Yield for the sources of a comparison what the model and the port do there, a line each.

    Args:
        report: on the port.
        listed: the operations of the emitted module.
        paired: both modules.
        trace: the port's operations, by whose names the report calls them.
    """
    own = {layer.port(p).tensor: layer for layer in listed.layers for p in layer.compared}
    # What has no partner is a part of what departs.
    pairs = [x for x in paired.matching.pairs.items() if x[0].signature != ("output",)]
    ours, theirs = {one.node for one, _ in pairs}, {other.node for _, other in pairs}
    nodes = {layer.name: layer.node for layer in trace.layers}
    tensors = {layer.name: layer.identity.tensor for layer in report.layers}
    for name in report.sources[:MOST]:
        layer, node = own.get(tensors.get(name, -1)), nodes.get(name)
        place = paired.places.get(layer.node) if layer and layer.node else None
        if node is None or place is None:
            continue
        sides = [_steps(place, ours), _steps(node, theirs)]
        if sides[0] != sides[1]:
            told = [" → ".join(side) or "nothing" for side in sides]
            yield f"{name}: the model computes {told[0]}; the module {told[1]}"


def _steps(node: fx.Node, units: Collection[fx.Node]) -> list[str]:
    """Return the operations from behind the layers before a node up to it, in order."""
    found: list[fx.Node] = []
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one in found or one.op != "call_function":
            continue
        found.append(one)
        waiting += [x for x in one.all_input_nodes if x not in units]
        if one in units and one is not node:
            found.remove(one)
    order = {n: i for i, n in enumerate(node.graph.nodes)}
    named = (_told(x) for x in sorted(found, key=order.__getitem__))
    return [text for text in named if text]


def _told(node: fx.Node) -> str:
    """Return an operation with its options, but for those that have their default."""
    name = operator_name(node)
    schema = getattr(node.target, "_schema", None)
    if name in SILENT or schema is None or not isinstance(node.meta.get("val"), torch.Tensor):
        return ""
    known = [x.name for x in schema.arguments]
    given = {**dict(zip(known, node.args, strict=False)), **node.kwargs}
    options = []
    for argument in schema.arguments:
        value = given.get(argument.name, argument.default_value)
        plain = not _holds_nodes(value) and value is not None
        if plain and _plain(value) != _plain(argument.default_value):
            options.append(f"{argument.name}={_plain(value)}")
    return f"{name}({', '.join(options)})" if options else name


def _holds_nodes(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_nodes, value))
    return isinstance(value, fx.Node)


def _plain(value: object) -> object:
    """Return a list of equal numbers as that number, as default values are given."""
    if isinstance(value, (list, tuple)):
        items = list(value)
        return items[0] if items and all(x == items[0] for x in items) else items
    return value
