"""Finds out how a port's weights are made of a model's constants, by the structure of both.

What the port's own weights are does not matter. Layers with kernels are paired by their place in
the two networks (``parity.align.foreign``). How the kernel that an operator takes lies in a
parameter is seen by sending the numbers of its elements through the reshapes between the two. What
lies between layers, such as the slopes of a PReLU, is paired within the stretch between the same
two layers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn

from tflite2torch.converter.errors import SourceError
from tflite2torch.parity.align.foreign.lining import COMPLETING
from tflite2torch.parity.align.foreign.network import (
    MOVES,
    Unit,
    operator_name,
    weight_of,
)
from tflite2torch.parity.align.foreign.pairing import Paired, told_unit
from tflite2torch.transfer.by_value import arrangements
from tflite2torch.transfer.mapping import Entry, Fixed

KERNEL = {"addmm": 2}
"""The place of the kernel among an operator's operands, where that is not 1."""

BIAS = {"addmm": 0, "mm": 9, "matmul": 9, "bmm": 9}
"""The place of the bias, where that is not 2."""

EPS = {"batch_norm": 7, "native_batch_norm": 7, "_native_batch_norm_legit_no_training": 6}
"""The place of eps among the operands of a batch normalization, of ``COMPLETING``."""

ELEMENTWISE = "relu prelu _prelu_kernel leaky_relu hardswish gelu silu dropout".split()
"""Operators that leave the order of elements as it is."""

PREFIX = "module."
"""Before the paths of a module that has been given an ``Adapter`` in front."""


@dataclass
class Filling:
    """How a port is filled.

    Attributes:
        entries: how each tensor of the port is made, by its key.
        problems: what could not be settled, a line each: layers without a partner, ties, shared
            weights. While there is one, nothing is known for sure.
        notes: what was settled by something else than structure, a line each.
    """

    entries: dict[str, Entry | Fixed] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def fill(
    paired: Paired,
    emitted: nn.Module,
    keep: Sequence[str] = (),
    known: Mapping[str, Entry | Fixed] | None = None,
) -> Filling:
    """Return how a port is filled with a model's constants.

    Args:
        paired: the port and the emitted module.
        emitted: the emitted module, with its weights.
        keep: keys of the port that are no model's.
        known: how some of its tensors are made, whatever the structure says.

    Raises:
        SourceError: what is known does not fit the port or the model.
    """
    return _Filler(paired, emitted, keep, known or {}).run()


class _Filler:
    def __init__(
        self,
        paired: Paired,
        emitted: nn.Module,
        keep: Sequence[str],
        known: Mapping[str, Entry | Fixed],
    ) -> None:
        self._paired = paired
        self._state = emitted.state_dict()
        self._port = {
            key.removeprefix(PREFIX): x
            for key, x in paired.adapter.state_dict().items()
            if key.startswith(PREFIX)
        }
        self._keep = set(keep)
        self._used: dict[str, str] = {}
        self._known = known
        self._found = Filling(dict(known))
        for key, entry in known.items():
            if key not in self._port or math.prod(entry.shape) != self._port[key].numel():
                raise SourceError(f"{key} {list(entry.shape)} of the map: the module has no such")
            if isinstance(entry, Entry):
                if math.prod(entry.view) != self._state[entry.key].numel():
                    raise SourceError(f"{key} of the map: {entry.key} has another size")
                self._used[entry.key] = key

    def run(self) -> Filling:
        """Fill layers, then what lies between them, and say what is left."""
        self._tell_pairs()
        for ours, theirs in self._paired.matching.pairs.items():
            if ours.signature[0] in ("dense", "convolution", "transposed"):
                self._layer(ours, theirs)
        self._between()
        self._tell_rest()
        return self._found

    def _tell_pairs(self) -> None:
        matching, (ours, theirs) = self._paired.matching, self._paired.units
        taken = set(matching.pairs.values())
        for side, left in (
            ("the model", [u for u in ours if u not in matching.pairs]),
            ("the module", [u for u in theirs if u not in taken]),
        ):
            for unit in left:
                if unit.signature not in (("input",), ("output",)):
                    self._found.notes.append(f"{told_unit(unit)} of {side} has no partner")
        for unit, way in matching.ties.items():
            partner = matching.pairs[unit]
            if unit.signature == ("output",):
                text = f"outputs of one shape are told apart by their {way}"
                self._found.notes.append(text)
            elif way == "order":
                kinds = ("dense", "convolution", "transposed")
                if unit.signature[0] in kinds and not self._is_known(partner):
                    self._found.problems.append(
                        f"{told_unit(unit)} of the model may be {told_unit(partner)} or another "
                        "layer of the module: nothing but their order tells them apart"
                    )
            else:
                self._found.notes.append(
                    f"{told_unit(partner)} is {told_unit(unit)} of the model by its {way}"
                )

    def _is_known(self, theirs: Unit) -> bool:
        """Return whether a map says what kernel and bias of a layer are."""
        placed = [x for x in (_kernel(theirs.node), _bias(theirs.node)) if x is not None]
        return bool(placed) and all(x.key in self._known for x in placed)

    def _layer(self, ours: Unit, theirs: Unit) -> None:
        """Fill kernel and bias of a layer."""
        own, other = (_kernel(unit.node) for unit in (ours, theirs))
        if own is None or other is None:
            self._found.problems.append(
                f"the kernel of {told_unit(theirs)} is computed from other tensors"
            )
            return
        if ours.signature[0] == "dense":
            columns = self._columns(ours, theirs)
            if columns is not None:
                own = _Placed(own.key, own.places[:, columns])
        self._put(other, own)
        bias, theirs_bias = _bias(ours.node), _bias(theirs.node)
        normalization = _normalization(theirs.node)
        if normalization is not None:
            self._normalized(normalization, bias, theirs_bias)
        elif bias is not None and theirs_bias is not None:
            self._put(theirs_bias, bias)
        elif theirs_bias is not None:
            self._fix(theirs_bias.key, 0.0)
        elif bias is not None and not bool(self._state[bias.key].any()):
            self._used.setdefault(bias.key, "nothing: it is 0")

    def _normalized(self, node: fx.Node, bias: _Placed | None, own_bias: _Placed | None) -> None:
        """Fill a batch normalization behind a layer so that it does nothing but add the bias."""
        names = ("weight", "bias", "running_mean", "running_var")
        found = dict(zip(names, map(_constant, node.args[1:5]), strict=False))
        eps = node.args[EPS[operator_name(node)]]
        assert isinstance(eps, float)
        for name, value in (("weight", 1.0), ("running_mean", 0.0), ("running_var", 1 - eps)):
            if placed := found.get(name):
                self._fix(placed.key, value)
        if own_bias is not None:
            self._fix(own_bias.key, 0.0)
        shift = found.get("bias")
        if shift is not None and bias is not None:
            self._put(shift, bias)
        elif shift is not None:
            self._fix(shift.key, 0.0)

    def _columns(self, ours: Unit, theirs: Unit) -> Tensor | None:
        """Return the order of a dense layer's columns in the port, None if it is the model's.

        A feature map is flattened in the order (H, W, C) or (C, H, W): both networks' numbers of
        its elements, sent through what lies before the layer, tell.
        """
        if len(ours.inputs) != 1 or len(theirs.inputs) != 1:
            return None
        sides = [
            _numbers(graph.graph, unit.inputs[0].node, unit.node)
            for graph, unit in ((self._paired.own, ours), (self._paired.other, theirs))
        ]
        own, other = sides
        if own is None or other is None or own.shape[-1] != other.shape[-1] or own.dim() != 2:
            return None
        shapes = [unit.inputs[0].node.meta["val"].shape for unit in (ours, theirs)]
        if len(shapes[0]) == 4 == len(shapes[1]) and shapes[0][1:] != shapes[1][1:]:
            # The port's feature map is NHWC.
            order = torch.arange(own[0].numel()).reshape(*shapes[0][1:]).permute(1, 2, 0)
            other = order.reshape(-1)[other]
        places = {int(n): i for i, n in enumerate(own[0])}
        found = [places.get(int(n), -1) for n in other[0]]
        if -1 in found or found == list(range(len(found))):
            return None
        return torch.tensor(found)

    def _between(self) -> None:
        """Pair the parameters that no layer with a kernel has, stretch by stretch."""
        pairs = self._paired.matching.pairs
        numbers = {unit: n for n, unit in enumerate(pairs)}
        numbers |= {theirs: numbers[ours] for ours, theirs in pairs.items()}
        sides = []
        for captured, units, done, known in (
            (self._paired.own, self._paired.units[0], self._used, self._state),
            (self._paired.other, self._paired.units[1], self._found.entries, self._port),
        ):
            stretches: dict[frozenset[int], list[_Parameter]] = defaultdict(list)
            for stretch, parameter in _parameters(captured.graph, units, numbers):
                key = parameter.placed.key
                if key in known and key not in done and key not in self._keep:
                    stretches[stretch].append(parameter)
            sides.append(stretches)
        for place, own in sides[0].items():
            self._stretch(own, sides[1].get(place, []))

    def _stretch(self, own: Sequence[_Parameter], other: Sequence[_Parameter]) -> None:
        """Pair parameters by operator and size, or by size; equal ones in a chain, in order."""
        for by_name in (True, False):
            groups: dict[tuple[str, int], tuple[list[_Parameter], list[_Parameter]]]
            groups = defaultdict(lambda: ([], []))
            for side, done, parameters in (
                (0, self._used, own),
                (1, self._found.entries, other),
            ):
                for parameter in parameters:
                    if parameter.placed.key not in done:
                        name = parameter.name if by_name else ""
                        groups[name, parameter.placed.places.numel()][side].append(parameter)
            for ours, theirs in groups.values():
                if len(ours) != len(theirs) or not ours:
                    continue
                if len(ours) > 1 and not (_chained(ours) and _chained(theirs)):
                    named = ", ".join(x.placed.key for x in theirs)
                    self._found.problems.append(f"nothing tells {named} of the module apart")
                    continue
                for one, partner in zip(ours, theirs, strict=True):
                    self._put(partner.placed, one.placed)

    def _put(self, other: _Placed, own: _Placed) -> None:
        """Fill a parameter of the port with a constant of the model."""
        key, port = other.key, self._port.get(other.key)
        constant = self._state.get(own.key)
        if port is None or constant is None or key in self._keep or key in self._known:
            return
        if other.places.numel() != own.places.numel() or other.places.numel() != port.numel():
            self._found.problems.append(
                f"{key} {list(port.shape)} does not take all of {own.key} {list(constant.shape)}"
            )
            return
        numbers = torch.empty(port.numel(), dtype=torch.int64)
        numbers[other.places.reshape(-1)] = own.places.reshape(-1)
        whole = torch.arange(constant.numel()).reshape(constant.shape)
        found = arrangements(whole, numbers.reshape(port.shape))
        if not found:
            self._found.problems.append(f"{key} holds {own.key} in an order that no axes have")
            return
        (view, axes), dtype = found[0], str(port.dtype).removeprefix("torch.")
        entry = Entry(own.key, view, axes, tuple(port.shape), dtype)
        before = self._found.entries.get(key)
        if isinstance(before, Entry) and not torch.equal(
            before.made_of(self._state[before.key]), entry.made_of(constant)
        ):
            self._found.problems.append(
                f"{key} is shared: it would have to be {before.key} and {own.key} of the model"
            )
        self._found.entries[key] = entry
        self._used[own.key] = key

    def _fix(self, key: str, value: float) -> None:
        port = self._port.get(key)
        if port is not None and key not in self._keep:
            dtype = str(port.dtype).removeprefix("torch.")
            self._found.entries.setdefault(key, Fixed(value, tuple(port.shape), dtype))

    def _tell_rest(self) -> None:
        """Say which constants and keys nothing takes."""
        # A tensor may have several keys in a module, which uses it by one of them.
        same = {x.data_ptr(): key for key, x in self._port.items() if key in self._found.entries}
        for key, x in self._port.items():
            other = same.get(x.data_ptr())
            if other is not None and self._port[other].shape == x.shape:
                self._found.entries.setdefault(key, self._found.entries[other])
        for key, x in self._port.items():
            if key.endswith("num_batches_tracked"):
                self._fix(key, 0.0)
            elif key not in self._found.entries and key not in self._keep:
                self._found.problems.append(
                    f"{key} {list(x.shape)} of the module: no constant of the model is known to be "
                    "it; --keep it if it is none of the model's"
                )
        for key, x in self._state.items():
            if key not in self._used:
                self._found.problems.append(
                    f"{key} {list(x.shape)} of the model: no key of the module takes it"
                )
        order = [key for key in self._port if key in self._found.entries]
        self._found.entries = {key: self._found.entries[key] for key in order}


@dataclass(frozen=True)
class _Placed:
    """An operand that is a constant, perhaps in another shape.

    Attributes:
        key: of the constant.
        places: of each element of the operand, its number in the constant.
    """

    key: str
    places: Tensor


@dataclass(frozen=True)
class _Parameter:
    """A constant that no layer with a kernel takes.

    Attributes:
        node: the operation that takes it.
        name: of the operator.
        placed: the constant.
    """

    node: fx.Node
    name: str
    placed: _Placed


def _chained(parameters: Sequence[_Parameter]) -> bool:
    """Return whether each operation depends on the one before it, so that they have an order."""
    nodes = [parameter.node for parameter in parameters]
    return all(_depends(later, first) for first, later in pairwise(nodes))


def _depends(node: fx.Node, on: fx.Node) -> bool:
    waiting, seen = [node], set[fx.Node]()
    while waiting:
        one = waiting.pop()
        if one is on:
            return True
        if one not in seen:
            seen.add(one)
            waiting += one.all_input_nodes
    return False


def _constant(operand: object) -> _Placed | None:
    """Return how an operand lies in the constant that it is, by a change of shape at most."""
    source = weight_of(operand)
    if source is None or not isinstance(operand, fx.Node):
        return None
    value = source.meta.get("val")
    shape = tuple(int(n) for n in value.shape) if value is not None else ()
    count = 1
    for n in shape:
        count *= n
    places = _moved(operand, torch.arange(count).reshape(shape))
    return _Placed(str(source.target).removeprefix(PREFIX), places)


def _moved(node: fx.Node, constant: Tensor) -> Tensor:
    """Send a tensor through the changes of shape before a node."""
    if node.op == "get_attr":
        return constant
    first, *rest = node.args
    assert isinstance(first, fx.Node)
    assert callable(node.target)
    moved: Tensor = node.target(_moved(first, constant), *rest, **node.kwargs)
    return moved


def _kernel(node: fx.Node) -> _Placed | None:
    """Return the kernel of a layer; that of a dense one is (outputs, inputs)."""
    name = operator_name(node)
    found = _constant(node.args[KERNEL.get(name, 1)])
    if found is None or "conv_transpose" in name:
        return found
    places = found.places
    if name in ("addmm", "mm", "matmul", "bmm"):
        places = places.reshape(places.shape[-2:]).t()
    if places.dim() == 4 and places.shape[2:] == (1, 1) and _groups(node) == 1:
        places = places.reshape(places.shape[:2])
    return _Placed(found.key, places)


def _groups(node: fx.Node) -> object:
    place = {"convolution": 8}.get(operator_name(node), 6)
    return node.args[place] if len(node.args) > place else 1


def _bias(node: fx.Node) -> _Placed | None:
    """Return the bias of a layer: its own, or a sum with a constant behind it."""
    place = BIAS.get(operator_name(node), 2)
    if place < len(node.args):
        return _constant(node.args[place])
    if len(node.users) == 1:
        [user] = node.users
        if operator_name(user) == "add":
            return next((c for c in map(_constant, user.args) if c is not None), None)
    return None


def _normalization(node: fx.Node) -> fx.Node | None:
    """Return the batch normalization behind a layer."""
    for user in node.users:
        if len(node.users) == 1 and operator_name(user) in COMPLETING:
            return user
        if len(node.users) == 1 and operator_name(user) == "add" and any(map(_constant, user.args)):
            return _normalization(user)
    return None


def _numbers(graph: fx.Graph, before: fx.Node, layer: fx.Node) -> Tensor | None:
    """Return the numbers of a value's elements as they reach a layer; None if they do not."""
    shape = tuple(int(n) if isinstance(n, int) else 2 for n in before.meta["val"].shape)
    count = 1
    for n in shape[1:]:
        count *= n
    value = torch.arange(count).expand(shape[0], count)
    env: dict[fx.Node, Any] = {before: value.reshape(shape)}
    operand = layer.args[1 if operator_name(layer) == "addmm" else 0]
    path = _path(before, operand)
    if path is None:
        return None
    for node in path:
        name = operator_name(node)
        if name in MOVES or name in (
            "flatten",
            "clone",
            "relu",
            "dropout",
            "_unsafe_view",
            "alias",
        ):
            if name == "dropout" or name == "relu":
                env[node] = env[node.args[0]]  # type: ignore[index]
                continue
            try:
                args = fx.node.map_arg(node.args, lambda n: env[n] if n in env else _size(n, shape))
                env[node] = node.target(*args, **node.kwargs)  # type: ignore[operator]
            except (KeyError, RuntimeError, TypeError, AttributeError):
                return None
        elif name in ELEMENTWISE:
            env[node] = env[node.args[0]]  # type: ignore[index]
        else:
            return None
    found = env[operand]  # type: ignore[index]
    return found if found.dim() == 2 else None


def _size(node: fx.Node, shape: Sequence[int]) -> int:
    """Return the value of a node that is the size of a batch."""
    if isinstance(node.meta.get("val"), (torch.SymInt, int)):
        return shape[0]
    raise KeyError(node)


def _path(before: fx.Node, operand: object) -> list[fx.Node] | None:
    """Return the nodes from behind one to an operand, in order, if they are a chain."""
    path: list[fx.Node] = []
    while isinstance(operand, fx.Node) and operand is not before:
        path.append(operand)
        computed = [
            n
            for n in operand.all_input_nodes
            if n.op != "get_attr" and isinstance(n.meta.get("val"), Tensor)
        ]
        if len(computed) != 1:
            return None
        operand = computed[0]
    return path[::-1] if operand is before else None


def _parameters(
    graph: fx.Graph, units: Sequence[Unit], numbers: Mapping[Unit, int]
) -> Iterator[tuple[frozenset[int], _Parameter]]:
    """Yield the constants of all operations, each with the layers before it by their number."""
    by_node = {unit.node: unit for unit in units if unit.signature != ("output",)}
    behind: dict[fx.Node, frozenset[int]] = {}
    for node in graph.nodes:
        if node in by_node:
            number = numbers.get(by_node[node])
            behind[node] = frozenset() if number is None else frozenset([number])
        else:
            behind[node] = frozenset().union(*(behind[x] for x in node.all_input_nodes))
        if node.op == "get_attr":
            continue
        name = operator_name(node)
        if name in MOVES:
            continue
        before = frozenset().union(*(behind[x] for x in node.all_input_nodes))
        for operand in node.all_input_nodes:
            placed = _constant(operand)
            if placed is not None:
                yield before, _Parameter(node, name, placed)
