"""A module that faults are planted in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, fx, nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.align.trace import Trace, trace_conversion

Edit = Callable[[fx.Graph, fx.Node], fx.Node | None]
"""Changes a copied graph at a node, and returns the node whose result takes the place of it; None
where the node has been changed in place."""


@dataclass(frozen=True)
class Planted:
    """A module with a fault.

    Attributes:
        module: in eval mode.
        where: what was changed, for the log.
        tensors: TFLite's tensors that the fault may be blamed on; empty for a fault of calls.
    """

    module: nn.Module
    where: str
    tensors: frozenset[int] = frozenset()


class Site:
    """The emitted module of a model, of which each fault gets a copy.

    Args:
        conversion: the model.
        seed: of the choices among places.

    Attributes:
        emitted: the right module.
        trace: its operations, with the tensors that they stand for.
        random: draws the place of a fault.
    """

    def __init__(self, conversion: Conversion, seed: int) -> None:
        self.conversion = conversion
        self.emitted = load_module(conversion)
        self.trace: Trace = trace_conversion(self.emitted, conversion)
        self.random = np.random.default_rng(seed)

    def choose(self, options: Iterable[Any]) -> Any:
        """Return one of some options at random, None where there is none."""
        found = list(options)
        return found[int(self.random.integers(len(found)))] if found else None

    def layer_of(self, node: fx.Node) -> nn.Module | None:
        """Return the layer that a node calls."""
        return self.emitted.get_submodule(str(node.target)) if node.op == "call_module" else None

    def nodes(self, *targets: object) -> list[fx.Node]:
        """Return the nodes that call a layer of one of some types, or one of some functions.

        A text is the name of a function or method, whichever way it is called.
        """
        types = tuple(x for x in targets if isinstance(x, type))
        names = {x for x in targets if isinstance(x, str)}
        return [
            node
            for node in self.trace.graph.nodes
            if isinstance(self.layer_of(node), types)
            or (node.op in ("call_function", "call_method") and _name(node) in names)
        ]

    def tensors_of(self, nodes: Collection[fx.Node]) -> frozenset[int]:
        """Return TFLite's tensors that nodes stand for, or else those computed from them first."""
        by_node = {layer.node: layer for layer in self.trace.layers}
        found: set[int] = set()
        waiting, seen = list(nodes), set(nodes)
        while waiting:
            node = waiting.pop()
            layer = by_node.get(node)
            if layer is not None and layer.compared:
                found |= {layer.port(place).tensor for place in layer.compared}
                continue
            users = [user for user in node.users if user not in seen]
            seen.update(users)
            waiting += users
        return frozenset(found)

    def edited(self, node: fx.Node, edit: Edit, what: str) -> Planted:
        """Return the module with its graph edited at a node."""
        graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
        result = graph.graph_copy(self.trace.graph, copies)
        graph.output(result)
        place = copies[node]
        users = list(place.users)
        with graph.inserting_before(place.next):
            other = edit(graph, place)
        if other is not None:
            for user in users:
                user.replace_input_with(place, other)
        graph.lint()
        module = fx.GraphModule(copy.deepcopy(self.emitted), graph).eval()
        module.graph.eliminate_dead_code()
        module.recompile()
        # Where an operation is missing or another one, TFLite may have no tensor for what is there:
        # the verdict then names the next value, and the steps before it.
        return self.planted(module, f"{what} at {node}", [node, *node.users])

    def wrapped(self, node: fx.Node, wrap: Callable[[nn.Module], nn.Module], what: str) -> Planted:
        """Return the module with another layer in place of one."""
        module = copy.deepcopy(self.emitted)
        path = str(node.target)
        parent, _, name = path.rpartition(".")
        layer = wrap(copy.deepcopy(module.get_submodule(path)))
        setattr(module.get_submodule(parent), name, layer)
        return self.planted(module.eval(), f"{what} at {path}", [node])

    def changed(self, key: str, change: Callable[[Tensor], object], what: str) -> Planted:
        """Return the module with a weight changed in place."""
        module = copy.deepcopy(self.emitted)
        change(module.state_dict()[key])
        return self.planted(module.eval(), f"{what} in {key}", self.readers(key))

    def planted(self, module: nn.Module, where: str, nodes: Collection[fx.Node]) -> Planted:
        """Return a module with a fault at nodes."""
        found = [self.tensors_of([node]) for node in nodes]
        return Planted(module, where, frozenset().union(*found))

    def readers(self, key: str) -> list[fx.Node]:
        """Return the nodes that read a weight."""
        path = key.rpartition(".")[0]
        found = []
        for node in self.trace.graph.nodes:
            if node.op == "call_module" and node.target == path:
                found.append(node)
            elif node.op == "get_attr" and node.target == key:
                found += list(node.users)
        return found

    def keys(self, *types: type, name: str = "weight") -> list[str]:
        """Return the keys of weights of layers of some types."""
        return [
            f"{node.target}.{name}"
            for node in self.nodes(*types)
            if getattr(self.layer_of(node), name, None) is not None
        ]


def _name(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target))


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        kind: its name in the table.
        plant: returns a module with it; None where the model has no place for it.
        told: of a fault of calls, a pattern for what names it in the lines of a report.
        right: whether it is no fault, but has to pass.
    """

    kind: str
    plant: Callable[[Site], Planted | None]
    told: str = ""
    right: bool = False
