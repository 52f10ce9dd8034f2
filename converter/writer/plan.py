"""Which classes a module has, what their constructors take, and what their parts are called."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from converter.graph import Code, Graph, Literal, Node, Value
from converter.ops.elementwise import is_number
from converter.passes.blocks import Block, Structure, structure
from converter.passes.stages import Stage
from converter.writer.expressions import literal
from converter.writer.names import (
    GLOBALS,
    MODULE_ATTRIBUTES,
    Namespace,
    meaningful,
)
from converter.writer.roles import block_name, block_roles, model_roles, reached_outputs
from converter.writer.symbols import Slot, Symbols, derive_symbols

Part = Node | Value
"""What a class keeps: a layer, or a constant."""


@dataclass
class Scope:
    """One class to print, shown by the nodes of its first use.

    Attributes:
        name: the class's name.
        nodes: the steps of its forward, in order.
        inputs: what forward takes.
        outputs: what forward returns.
        symbols: its constructor's arguments, and what follows from them.
        attributes: the attribute under which each part is kept, in order.
    """

    name: str
    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    symbols: Symbols = field(default_factory=Symbols)
    attributes: dict[Part, str] = field(default_factory=dict)

    @property
    def stored(self) -> dict[str, str]:
        """Map what forward needs of the constructor's arguments to attributes for it."""
        names = Namespace([*MODULE_ATTRIBUTES, *self.attributes.values()])
        needed: dict[str, str] = {}
        for slot, expression in self.symbols.expressions.items():
            kept = len(slot.part) > 1 or self.nodes[slot.part[0]] in self.attributes
            if not kept and expression not in needed:
                plain = expression in self.symbols.arguments
                needed[expression] = names.unique(
                    expression if plain else slot.argument
                )
        return needed

    def substituted(
        self, part: Part, argument: str, value: Literal, names: Mapping[str, str]
    ) -> ast.expr | None:
        """Return an argument with what follows from the constructor's; None if nothing does.

        ``names`` says how those expressions are written where the argument stands.
        """
        place = self.place(part)
        found = {
            slot.path: expression
            for slot, expression in self.symbols.expressions.items()
            if slot.part == place and slot.argument == argument
        }
        if not found:
            return None
        return _substitute(value, (), {p: names[e] for p, e in found.items()})

    def place(self, part: Part) -> tuple[int, ...]:
        """Return where a part stands: its node, and among the constants of that."""
        return self._places[part]

    @cached_property
    def _places(self) -> dict[Part, tuple[int, ...]]:
        places: dict[Part, tuple[int, ...]] = {}
        for index, node in enumerate(self.nodes):
            places[node] = (index,)
            for position, value in enumerate(constants(node)):
                places.setdefault(value, (index, position))
        return places


@dataclass
class Plan:
    """All classes of a module: those of blocks, inner ones first, and the model's own."""

    model: Scope
    blocks: dict[Structure, Scope]

    def scope_of(self, block: Block) -> Scope:
        """Return the class that a block is a use of."""
        return self.blocks[structure(block)]

    def described(self) -> Iterator[tuple[Scope, Block]]:
        """Yield the blocks' classes, each with its first use."""
        for scope in self.blocks.values():
            yield scope, scope.symbols.uses[0]

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
        if isinstance(part, Block):
            scope = self.scope_of(part)
            values = scope.symbols.values_of(part)
            return Code(f"{scope.name}({', '.join(values)})", values)
        return part.layer()


def _substitute(
    value: Literal, path: tuple[int, ...], found: dict[tuple[int, ...], str]
) -> ast.expr:
    if path in found:
        return ast.parse(found[path], mode="eval").body
    if isinstance(value, tuple):
        parts = [_substitute(v, (*path, i), found) for i, v in enumerate(value)]
        return ast.Tuple(parts, ast.Load())
    return literal(value)


def plan_classes(graph: Graph, class_name: str) -> Plan:
    """Name every class and attribute of a graph whose blocks have been found."""
    plan = Plan(Scope(class_name, graph.nodes, graph.inputs, graph.outputs), {})
    names = Namespace([class_name])
    for key, uses in _uses(graph.nodes).items():
        first = uses[0]
        scope = Scope(
            names.unique(block_name(first)), first.body, first.inputs, first.outputs
        )
        plan.blocks[key] = scope
        scope.symbols = derive_symbols(uses, [dict(_slots(plan, use)) for use in uses])
        roles = block_roles(first)
        scope.attributes = _attributes(plan, scope, roles)
    roles = model_roles(graph)
    plan.model.attributes = _heads_last(graph, _attributes(plan, plan.model, roles))
    return plan


def _heads_last(graph: Graph, attributes: dict[Part, str]) -> dict[Part, str]:
    """Put what only some outputs depend on behind what all of them do."""
    reached = reached_outputs(graph)
    return dict(
        sorted(
            attributes.items(),
            key=lambda item: (
                isinstance(item[0], Node) and len(reached[item[0]]) < len(graph.outputs)
            ),
        )
    )


def _uses(nodes: list[Node]) -> dict[Structure, list[Block]]:
    """Group all blocks by their structure, inner ones before those that hold them."""
    uses: dict[Structure, list[Block]] = {}
    for node in nodes:
        for block in node.blocks if isinstance(node, Stage) else [node]:
            if isinstance(block, Block):
                for key, inner in _uses(block.body).items():
                    uses.setdefault(key, []).extend(inner)
                uses.setdefault(structure(block), []).append(block)
    return uses


def _slots(plan: Plan, block: Block) -> Iterator[tuple[Slot, int]]:
    """Yield every integer of one use of a class, and where it stands."""
    for index, node in enumerate(block.body):
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
    if isinstance(value, tuple):
        for position, item in enumerate(value):
            yield from _leaves(item, (*path, position))
    elif type(value) is int:
        yield path, value


def constants(node: Node) -> list[Value]:
    """Return the constant operands that a class has to keep: all but single numbers."""
    return [v for v in node.inputs if v.data is not None and not is_number(node, v)]


def _attributes(plan: Plan, scope: Scope, roles: dict[Node, str]) -> dict[Part, str]:
    """Name every part that a class keeps; equal roles are numbered from 1."""
    wanted: dict[Part, str] = {}
    for node in scope.nodes:
        for value in constants(node):
            wanted.setdefault(value, meaningful(value.name) or "constant")
        if isinstance(node, Stage) or plan.constructor(node) is not None:
            wanted[node] = roles[node]
    names = Namespace(MODULE_ATTRIBUTES | GLOBALS)  # forward has variables of this name
    count = Counter(wanted.values())
    given: Counter[str] = Counter()
    attributes: dict[Part, str] = {}
    for part, role in wanted.items():
        given[role] += 1
        numbered = f"{role}{given[role]}" if count[role] > 1 else role
        attributes[part] = names.unique(numbered)
    return attributes
