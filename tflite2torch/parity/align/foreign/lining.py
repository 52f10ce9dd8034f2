"""Lines the values of a module from elsewhere up with TFLite's tensors.

Layers with kernels and joins are paired by structure (``matching``). What lies between them is
lined up by value: an activation of the emitted module is applied to what the other module has
before it, and looked for among what that has behind, so that ``0.5 * (1 + tanh(x / 2))`` is a
sigmoid. The weights of the two need not be equal for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, fx, nn

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.foreign.adapter import Adapter, Axes
from tflite2torch.parity.align.foreign.capture import Captured
from tflite2torch.parity.align.foreign.matching import Matching
from tflite2torch.parity.align.foreign.network import (
    Unit,
    operator_name,
    path_of,
    weight_of,
)
from tflite2torch.parity.align.foreign.pairing import (
    ENDS,
    Paired,
    pair_up,
    paired_again,
    returned_nodes,
    told_unit,
    undo_normalization,
    values_of,
)
from tflite2torch.parity.align.trace import Layer, Trace, TraceError, named_by_weights
from tflite2torch.parity.align.values import OUTPUT

CLOSE = 1e-4
"""Two values are the same if they differ by less than this share of the larger magnitude."""

COMPLETING = ("batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm")
"""Operators that belong to the layer before them: the model has them folded into its kernel."""


@dataclass(frozen=True)
class Lined:
    """A module from elsewhere, lined up.

    Attributes:
        module: with the inputs of the emitted module, and those of its outputs that line up.
        trace: its operations, with the values that stand for TFLite's tensors.
        paired: what is paired by structure.
    """

    module: Adapter
    trace: Trace
    paired: Paired


def line_up(
    module: nn.Module, emitted: nn.Module, listed: Trace, inputs: Sequence[Tensor]
) -> Lined:
    """Line a module up with the emitted one.

    Args:
        module: the module, in eval mode; left as it is.
        emitted: the emitted module, with the file's weights.
        listed: its operations, with the tensors that they stand for.
        inputs: a sample for each input of the emitted module, batch of one.

    Raises:
        TraceError: the module refuses the inputs, cannot be captured, or gives no output of the
            model.
    """
    paired = pair_up(module, emitted, listed, inputs)
    while undo_normalization(paired, emitted, inputs):
        paired = paired_again(paired, inputs)
    adapter, own, other = paired.adapter, paired.own, paired.other
    places, matching, units = paired.places, paired.matching, paired.units
    lining = _Lining(emitted, own.graph, adapter, other.graph, matching)
    lining.run(inputs, {places[x.node] for x in listed.layers if x.compared and x.node in places})
    trace = _trace(adapter, other, listed, places, lining)
    named = {places[x.node]: x.name for x in listed.layers if x.node in places}
    lost = [named[node] for node in lining.missing if node in named]
    notes = [*_notes(matching, units), *trace.notes]
    if lost:
        notes.insert(0, f"nothing in the module has the value of: {', '.join(lost)}")
    if len(adapter.scale):
        notes.append("the module normalizes its image itself: it got what becomes the model's")
    return Lined(adapter, replace(trace, notes=tuple(notes)), paired)


class _Lining:
    """Finds the node of one graph that has the value of a node of the other."""

    def __init__(
        self,
        emitted: nn.Module,
        own: fx.Graph,
        adapter: Adapter,
        other: fx.Graph,
        matching: Matching,
    ) -> None:
        self._emitted = emitted
        self._own = own
        self._adapter = adapter
        self._other = other
        self._units = {
            ours.node: theirs
            for ours, theirs in matching.pairs.items()
            if ours.signature != ("output",)
        }
        self._kept = {
            unit.node for unit in matching.pairs.values() if unit.signature != ("output",)
        }
        self.found: dict[fx.Node, tuple[fx.Node, Axes]] = {}
        self.missing: list[fx.Node] = []
        self._partners: dict[fx.Node, fx.Node] = {}
        self._theirs: dict[fx.Node, Any] = {}
        self._wanted: Collection[fx.Node] = ()
        self._run = fx.Interpreter(emitted, garbage_collect_values=False, graph=own)

    def run(self, inputs: Sequence[Tensor], wanted: Collection[fx.Node]) -> None:
        """Line all values up on a sample; ``wanted`` are those that are compared."""
        self._wanted = wanted
        self._theirs = values_of(self._adapter, self._other, inputs)
        run = self._run
        run.args_iter = iter(inputs)
        with torch.no_grad():
            for node in self._own.nodes:
                if node.op == OUTPUT:
                    break
                value = run.run_node(node)
                if isinstance(value, Tensor) and node.op not in ("placeholder", "get_attr"):
                    value = self._line(node, value, node in wanted)
                run.env[node] = value

    def shape_of(self, node: fx.Node, own: bool = False) -> tuple[int, ...]:
        """Return the shape of a result, of the other module or of the emitted one."""
        found = self._run.env[node] if own else self._theirs[node]
        return tuple(found.shape)

    def returned(self, node: fx.Node, results: Sequence[fx.Node]) -> fx.Node | None:
        """Return the result of the module that is the value of a node; None where none is.

        What a module does to a value last may change nothing: a copy, a reshape to the same shape.
        Whether it keeps gradients and types is for other checks.
        """
        if node in results:
            return node
        value = self._theirs[node]
        for result in results:
            other = self._theirs.get(result)
            if (
                isinstance(other, Tensor)
                and other.shape == value.shape
                and result in _behind(node)
                and torch.equal(other.to(value.dtype), value)
            ):
                return result
        return None

    def _line(self, node: fx.Node, value: Tensor, wanted: bool) -> Tensor:
        """Line one value up; return the other module's, in the emitted one's order of axes."""
        if node in self._units:
            partner = self._completed(self._units[node].node)
            self._partners[node] = partner
            axes = _axes(self._theirs[partner], value.shape)
            if axes is not None:
                self.found[node] = partner, axes
                # What the emitted module computes next takes no other type.
                own: Tensor = self._theirs[partner].permute(axes).to(value.dtype)
                return own
        if not wanted:
            return value
        behind = list(self._behind(node))
        for candidate in behind:
            for axes in _orders(self._theirs[candidate], value.shape):
                if _same(self._theirs[candidate].permute(axes), value):
                    self.found[node] = candidate, axes
                    return value
        return self._departed(node, value, behind)

    def _departed(self, node: fx.Node, value: Tensor, behind: Sequence[fx.Node]) -> Tensor:
        """Line a value up by its place, where no other one equals it: there the module departs."""
        taken = {partner for partner, _ in self.found.values()}
        fitting = [
            (candidate, axes)
            for candidate in behind
            if candidate not in taken
            and (axes := _axes(self._theirs[candidate], value.shape)) is not None
        ]
        alike = [x for x in fitting if operator_name(x[0]) == operator_name(node)]
        for base in self._bases(node):
            axes = _axes(self._theirs[base], value.shape)
            if axes is not None and not self._compared(base):
                fitting.append((base, axes))
        if not fitting:
            self.missing.append(node)
            return value
        candidate, axes = alike[0] if alike else fitting[-1]
        self.found[node] = candidate, axes
        found: Tensor = self._theirs[candidate].permute(axes).to(value.dtype)
        return found

    def _compared(self, base: fx.Node) -> bool:
        """Return whether a node stands for another value that is compared already."""
        return any(self.found[node][0] is base for node in self._wanted if node in self.found)

    def _completed(self, node: fx.Node) -> fx.Node:
        """Return the node that completes a layer: a batch normalization, or a bias of its own."""
        while len(node.users) == 1:
            [user] = node.users
            name = operator_name(user)
            bias = name == "add" and any(weight_of(x) for x in user.args)
            result = name == "getitem" and operator_name(node) in COMPLETING
            if not (bias or result or name in COMPLETING):
                break
            node = user
        return node

    def _bases(self, node: fx.Node) -> Iterator[fx.Node]:
        """Yield the partners of the nearest nodes before a node that are lined up."""
        waiting, seen = list(node.all_input_nodes), set()
        while waiting:
            operand = waiting.pop()
            if operand in seen or operand.op == "get_attr":
                continue
            seen.add(operand)
            if operand in self.found:
                yield self.found[operand][0]
            elif operand in self._partners:
                yield self._partners[operand]
            elif operand.op == "placeholder":
                place = [n for n in self._own.nodes if n.op == "placeholder"].index(operand)
                yield [n for n in self._other.nodes if n.op == "placeholder"][place]
            else:
                waiting += operand.all_input_nodes

    def _behind(self, node: fx.Node) -> Iterator[fx.Node]:
        """Yield what the other module computes behind these partners, up to the next units.

        A partner that has another number of axes than what it stands for is among them: it may
        be what comes after a reshape in the emitted module.
        """
        order = {n: place for place, n in enumerate(self._other.nodes)}
        taken = {partner for partner, _ in self.found.values()}
        waiting = list(self._bases(node))
        found = {base for base in waiting if base not in taken}
        if node in self._partners:
            waiting.append(self._partners[node])
            found.add(self._partners[node])
        seen = set()
        while waiting:
            for user in waiting.pop().users:
                if user not in seen and user.op != OUTPUT and user not in self._kept:
                    seen.add(user)
                    waiting.append(user)
        found |= seen
        tensors = [n for n in found if isinstance(self._theirs.get(n), Tensor)]
        yield from sorted(tensors, key=order.__getitem__)


def _orders(x: Any, shape: Sequence[int]) -> Iterator[Axes]:
    """Yield the orders of axes that give a tensor a shape; the batch stays first."""
    if not isinstance(x, Tensor) or x.dim() != len(shape) or not x.dim():
        return
    for order in permutations(range(1, x.dim())):
        axes = (0, *order)
        if [x.shape[axis] for axis in axes] == list(shape):
            yield axes


def _axes(x: Any, shape: Sequence[int]) -> Axes | None:
    """Return the order of axes that gives a tensor a shape: its own, or that of NHWC to NCHW."""
    found = list(_orders(x, shape))
    last = (0, 3, 1, 2)
    if last in found and found[0] != tuple(range(4)):
        return last
    return found[0] if found else None


def _same(one: Tensor, other: Tensor) -> bool:
    size = max(float(other.abs().nan_to_num().max()), 1e-30) if other.numel() else 1.0
    if one.dtype != other.dtype or not one.is_floating_point():
        return torch.equal(one, other)
    return torch.allclose(one, other, rtol=0, atol=CLOSE * size, equal_nan=True)


def _trace(
    adapter: Adapter,
    other: Captured,
    listed: Trace,
    places: Mapping[fx.Node, fx.Node],
    lining: _Lining,
) -> Trace:
    """Return the operations of the other module with the values that they stand for."""
    values: dict[fx.Node, Value] = {}
    for layer in listed.layers:
        place = None if layer.node is None else places.get(layer.node)
        found = None if place is None else lining.found.get(place)
        if found is not None and layer.compared:
            values.setdefault(found[0], _permuted(layer.values[0], found[1]))
    output = next(node for node in other.graph.nodes if node.op == OUTPUT)
    results = list(output.args[0])
    picks, returned, failures = [], [], []
    for value, node in zip(listed.layers[-1].values, returned_nodes(listed), strict=True):
        found = lining.found.get(places[node]) if node in places else None
        if found is None:
            failures.append(f"no output of the module stands for {value.name}")
        elif (result := lining.returned(found[0], results)) is None:
            done = ", ".join(_after(found[0]))
            failures.append(
                f"no output of the module is {value.name}: behind the model's last layer it does "
                f"{done} to it (post-processing)"
            )
        else:
            picks.append(results.index(result))
            # Of a square image no shape tells height and width apart: it has to lie as TFLite's.
            square = lining.shape_of(found[0]) == lining.shape_of(places[node], own=True)
            axes = tuple(range(len(found[1]))) if square else found[1]
            returned.append(_permuted(value, axes))
    notes = []
    if rest := len(results) - len(picks):
        notes.append(f"{rest} of {len(results)} outputs stand for none of TFLite's")
    if not picks and not values:
        raise TraceError("no value of the module lines up with the model")
    adapter.picks = tuple(picks)
    output.args = (tuple(results[pick] for pick in picks),)
    layers = [*_layers(other.graph, values), Layer(OUTPUT, OUTPUT, output, tuple(returned))]
    batch = None if other.batched else 1
    if batch is not None:
        notes.append("layers were compared on single samples: no more could be captured at once")
    trace = Trace(
        other.graph,
        tuple(layers),
        notes=tuple(notes),
        foreign=True,
        batch=batch,
        failures=tuple(failures),
    )
    return named_by_weights(adapter, trace)


def _after(node: fx.Node) -> Iterator[str]:
    """Yield the names of the operators behind a node, up to what the module returns."""
    names = map(operator_name, _behind(node))
    yield from (name for name in names if not name.startswith("_assert"))  # exporting adds these


def _behind(node: fx.Node) -> list[fx.Node]:
    """Return the nodes that depend on one, the nearest first."""
    waiting, found = [node], dict[fx.Node, None]()
    while waiting:
        for user in waiting.pop(0).users:
            if user not in found and user.op != OUTPUT:
                found[user] = None
                waiting.append(user)
    return list(found)


def _permuted(value: Value, axes: Axes) -> Value:
    """Return a value of the emitted module as the other one has it.

    Args:
        value: of the emitted module.
        axes: axis ``i`` of it is this axis of the other module's value.
    """
    if value.origin is None or axes == tuple(range(len(axes))):
        return value
    back = [axes.index(axis) for axis in range(len(axes))]
    origin = replace(value.origin, permutation=tuple(value.origin.permutation[i] for i in back))
    return replace(value, shape=tuple(value.shape[i] for i in back), origin=origin)


def _layers(graph: fx.Graph, values: Mapping[fx.Node, Value]) -> Iterator[Layer]:
    count: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op not in ("call_function", "call_module", "call_method"):
            continue
        if node not in values and not isinstance(node.meta.get("val"), (Tensor, tuple, list)):
            continue  # the size of a batch
        path = path_of(node).removeprefix("module").removeprefix(".")
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        known = bool(stack) and str(stack[-1][1]).startswith("torch.nn.modules")
        constants = [x for x in map(weight_of, node.args) if x is not None]
        if constants and str(constants[0].target).endswith(".weight") and not stack:
            path = str(constants[0].target).removeprefix("module.").removesuffix(".weight")
            known = True
        name = path if known and path else f"{path or 'forward'}: {operator_name(node)}"
        count[name] += 1
        if count[name] > 1:
            name = f"{name} #{count[name]}"
        yield Layer(name, operator_name(node), node, (values[node],) if node in values else ())


def _notes(matching: Matching, units: tuple[Sequence[Unit], Sequence[Unit]]) -> Iterator[str]:
    """Say what could not be lined up, and what was by a guess."""
    taken = set(matching.pairs.values())
    for side, left in (
        ("model", [u for u in units[0] if u not in matching.pairs]),
        ("module", [u for u in units[1] if u not in taken]),
    ):
        named = ", ".join(told_unit(unit) for unit in left if unit.signature not in ENDS)
        if named:
            other = "module" if side == "model" else "model"
            yield f"in the {side}, and nothing in the {other} stands for it: {named}"
    for way in ("size", "name", "order"):
        tied = [u for u, how in matching.ties.items() if how == way]
        # An output is called after the layer that gives it.
        tied = [(u.inputs or [u])[0] if u.signature == ("output",) else u for u in tied]
        named = ", ".join(told_unit(unit) for unit in tied if unit.signature not in ENDS)
        if named:
            yield f"lined up by {way}, for nothing else tells them apart: {named}"
