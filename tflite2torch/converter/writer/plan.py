"""Which classes a module has, what their constructors take, and what their parts are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Code, Literal, Node
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.pool import Pool2d
from tflite2torch.converter.graph.nodes.slicing import Slice
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.motifs.idioms import Idiom, idioms_of
from tflite2torch.converter.naming.names import (
    GLOBALS,
    MODULE_ATTRIBUTES,
    Namespace,
    numbered,
)
from tflite2torch.converter.naming.roles import (
    block_roles,
    constants,
    model_roles,
    reached_outputs,
)
from tflite2torch.converter.structure.structure import (
    Block,
    Skipped,
    Stage,
    Structure,
    uses_of_classes,
)
from tflite2torch.converter.writer.derivation import derive_symbols
from tflite2torch.converter.writer.scope import Part, Scope
from tflite2torch.converter.writer.symbols import CHANNELS, Slot, role_of


@dataclass
class Plan:
    """All classes of a module: those of blocks, inner ones first, and the model's own.

    Attributes:
        model: the model's own class.
        blocks: the others, by the structure of the blocks that are uses of them.
        idioms: what those are called.
    """

    model: Scope
    blocks: dict[Structure, Scope]
    idioms: dict[Structure, Idiom]

    def scope_of(self, block: Block) -> Scope:
        """Return the class that a block is a use of."""
        return self.blocks[block.key]

    def helpers(self) -> list[str]:
        """Return the names of the helpers that the classes call, in the order of use."""
        scopes = [*self.blocks.values(), self.model]
        nodes = [node for scope in scopes for node in scope.nodes]
        steps = [node for node in nodes if not isinstance(node, Block | Stage)]
        codes = [node.code() for node in steps if node.layer() is None]
        return list(dict.fromkeys(code.helper for code in codes if code.helper))

    def constructor(self, part: Part) -> Code | None:
        """Return what makes a part that a class keeps; None for a step without weights."""
        if isinstance(part, Value):
            template = "nn.Parameter(torch.zeros(*shape))"
            if part.dtype != "float32":
                template = f"torch.zeros(*shape, dtype=torch.{part.dtype})"
            return Code(template, {"shape": part.shape})
        if isinstance(part, Stage):
            codes = [self._call(b, f"_{i}") for i, b in enumerate(part.blocks)]
            arguments = {n: v for code in codes for n, v in code.arguments.items()}
            defaults = {n: v for code in codes for n, v in code.defaults.items()}
            calls = ", ".join(code.template for code in codes)
            return Code(f"nn.Sequential({calls})", arguments, defaults)
        return self._call(part) if isinstance(part, Block) else part.layer()

    def _call(self, block: Block, suffix: str = "") -> Code:
        """Return the constructor of a use of a class; ``suffix`` tells its numbers apart."""
        scope = self.scope_of(block)
        values = scope.symbols.values_of(block)
        defaults = scope.symbols.defaults
        channels = [n for n in values if role_of(n) in CHANNELS]
        given = [f"{n}{suffix}" for n in channels]
        given += [f"{n}={n}{suffix}" for n in values if n not in channels]
        return Code(
            f"{scope.name}({', '.join(given)})",
            {f"{n}{suffix}": value for n, value in values.items()},
            {f"{n}{suffix}": value for n, value in defaults.items()},
        )


def plan_classes(graph: Graph, class_name: str) -> Plan:
    """Name every class and attribute of a graph whose blocks have been found."""
    classes = uses_of_classes(graph.nodes)
    own = Scope(class_name, graph.nodes, graph.inputs, graph.outputs)
    plan = Plan(own, {}, idioms_of(classes))
    names = Namespace([class_name])
    for key, uses in classes.items():
        first, nodes = uses[0], _template(uses)
        # One name could not stand for two values of another use.
        assert len({*first.inputs}) == len(first.inputs)
        scope = Scope(
            names.unique(plan.idioms[key].name), nodes, first.inputs, first.outputs
        )
        plan.blocks[key] = scope
        optional = {
            index: _flag(node)
            for index, node in enumerate(nodes)
            if any(isinstance(use.body[index], Skipped) for use in uses)
        }
        slots = [dict(_slots(plan, use)) for use in uses]
        scope.symbols = derive_symbols(uses, slots, optional)
        scope.attributes = _attributes(
            plan, scope, block_roles(uses, nodes, plan.idioms)
        )
    roles = model_roles(graph, plan.idioms)
    plan.model.attributes = _heads_last(graph, _attributes(plan, plan.model, roles))
    return plan


def _template(uses: Sequence[Block]) -> list[Node]:
    """Return the steps of a first use, with those that it lacks as another use has them."""
    steps: list[Node] = []
    for node in uses[0].body:
        if isinstance(node, Skipped):
            other = node.other
            node = replace(other, inputs=node.inputs, outputs=node.outputs)
        steps.append(node)
    return steps


def _flag(node: Node) -> str:
    """Return what an argument is called that says whether a step is carried out."""
    match node:
        case Pad(same=False):
            return "widen"
        case Slice():
            return "narrow"
        case Pool2d():
            return "pool"
        case Pad():
            return "pad"
        case _:
            return "shortcut"


def _heads_last(graph: Graph, attributes: dict[Part, str]) -> dict[Part, str]:
    """Put what only some outputs depend on behind what all of them do."""
    reached = reached_outputs(graph.nodes, graph.outputs)
    return dict(
        sorted(
            attributes.items(),
            key=lambda item: (
                isinstance(item[0], Node) and len(reached[item[0]]) < len(graph.outputs)
            ),
        )
    )


def _slots(plan: Plan, block: Block) -> Iterator[tuple[Slot, int]]:
    """Yield every integer of one use of a class, and where it stands."""
    for index, node in enumerate(block.body):
        if isinstance(node, Skipped):
            continue
        yield from _integers((index,), plan.constructor(node) or node.code())
        for position, value in enumerate(constants(node)):
            code = plan.constructor(value)
            if code is not None:
                yield from _integers((index, position), code)


def _integers(part: tuple[int, ...], code: Code) -> Iterator[tuple[Slot, int]]:
    for argument, value in code.arguments.items():
        for path, number in _leaves(value):
            yield Slot(part, argument, path), number


def _leaves(
    value: Literal, path: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], int]]:
    if isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    if isinstance(value, tuple):
        for position, item in enumerate(value):
            yield from _leaves(item, (*path, position))
    elif isinstance(value, int):
        yield path, value


def _attributes(plan: Plan, scope: Scope, roles: Mapping[Part, str]) -> dict[Part, str]:
    """Name every part that a class keeps; equal roles are numbered from 1."""
    wanted: dict[Part, str] = {}
    for node in scope.nodes:
        for value in constants(node):
            wanted.setdefault(value, roles[value])
        if isinstance(node, Stage) or plan.constructor(node) is not None:
            wanted[node] = roles[node]
    names = Namespace(MODULE_ATTRIBUTES | GLOBALS)  # forward has variables of this name
    chosen = [names.unique(name) for name in numbered(list(wanted.values()))]
    return dict(zip(wanted, chosen, strict=True))
